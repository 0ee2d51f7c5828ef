import { override, regionOf } from "./policy.ts";
import type { Override, Policy } from "./policy.ts";
import type { Source, Span } from "../core/span.ts";
import { DimError, eqDim, showDim, subDim, symbolsOf } from "../core/shape.ts";
import type { Dim } from "../core/shape.ts";
import type { Builder } from "../ir/builder.ts";
import type { Node, Region } from "../ir/graph.ts";
import { OpError } from "../ir/op.ts";
import type { Expr, FnDecl, ModelDecl, Name } from "../syntax/ast.ts";
import type { Budget } from "./limits.ts";
import { CountingBuilder } from "./limits.ts";
import type { Ins } from "./precision.ts";
import type { Reporter } from "./report.ts";
import type { LayerInstance, ModelInstance, Module, Scope, Value } from "./values.ts";
import { nodeOf } from "./values.ts";

/** What the parts of the checker share. Evaluation recurs through it, so that files depend one way. */
export interface Checker {
  readonly report: Reporter;
  readonly budget: Budget;
  evaluate(e: Expr, env: Env): Value;
  apply(callee: Value, args: readonly CallArg[], site: Site, env: Env): Value;
  /** The layer call that gave a tensor, for diagnostics that tell where a shape comes from. */
  readonly makers: WeakMap<Node, LayerInstance>;
  /** What has been elaborated; the rest is checked with symbolic formals. */
  readonly seen: Set<ModelDecl | FnDecl>;
  /** Calls of `checkpoint` so far, which number their segments. */
  segments: number;
}

/** Where an expression stands. */
export interface Env {
  readonly module: Module;
  readonly scope: Scope;
  readonly session: Session;
  /** The instance whose forward this is, through fns. */
  readonly model?: ModelInstance;
  readonly policy: Policy;
  readonly region: Region;
  readonly ins: Ins;
  /** The file of the call that this body answers, for edits of its arguments. */
  readonly caller?: Source;
  /** Calls around this one. */
  readonly calls: number;
  /** The checkpointed segment that this is part of. */
  readonly segment?: string;
}

/** A symbol's value and what bound it. */
export interface Binding {
  readonly dim: Dim;
  readonly span: Span;
}

export type Symbols = Map<string, Binding>;

/** One elaboration from an entry point: a forward, a train block, or a declaration checked by itself. */
export interface Session {
  /** A model's symbols hold for its instance. */
  readonly symbols: Map<ModelInstance, Symbols>;
  /** Formals without a value; a mismatch that hangs on one is no fault of the declaration. */
  readonly generic: ReadonlySet<string>;
  /** The trained instance, which a train block calls by its name. */
  readonly trained?: ModelInstance;
}

/** An argument of a call, evaluated. */
export interface CallArg {
  readonly name?: Name;
  readonly value: Value;
  readonly expr: Expr;
  /** Where a fault of this argument shows: itself, or the callee of a pipe. */
  readonly span: Span;
  readonly piped?: boolean;
}

/** Where a call stands. */
export interface Site {
  readonly span: Span;
  readonly callee: Span;
}

export function newSession(extra: Partial<Session> = {}): Session {
  return { symbols: new Map(), generic: new Set(), ...extra };
}

/** The same place with more precision around it. */
export function within(env: Env, o: Override): Env {
  const policy = override(env.policy, o);
  const ins = new Map(env.ins).set(env.model, [...env.ins.get(env.model) ?? [], o]);
  return { ...env, policy, region: regionOf(policy), ins };
}

export function builderAt(ck: Checker, env: Env, span: Span, why: string): Builder {
  const { segment } = env;
  return new CountingBuilder(
    ck.budget,
    span,
    segment === undefined ? { why, span } : { why, span, segment },
    env.region,
  );
}

/** Symbols that a dim mentions. */
export function mentions(d: Dim, names: ReadonlySet<string>): boolean {
  return names.size > 0 && symbolsOf(d).some((s) => names.has(s));
}

/** Whether two sizes can be one: equal, or open because of a formal without a value, for some size above 0. */
export function mayEqual(env: Env, a: Dim, b: Dim): boolean {
  const { generic } = env.session;
  if (eqDim(a, b)) return true;
  if (!mentions(a, generic) && !mentions(b, generic)) return false;
  const d = subDim(a, b);
  // Terms of one sign do not add up to 0: 4*dim is never 2*dim.
  const oneSign = typeof d !== "number" &&
    (d.terms.every((t) => t.num > 0) || d.terms.every((t) => t.num < 0));
  return !oneSign || showDim(d).includes("(");
}

/** Whether a value hangs on a formal that has no value. */
export function isGeneric(env: Env, v: Value, depth = 0): boolean {
  if (env.session.generic.size === 0 || depth > 3) return false;
  const node = nodeOf(v);
  if (node) return node.type.shape.some((d) => mentions(d, env.session.generic));
  if (v.kind === "number") return v.exact !== undefined && mentions(v.exact, env.session.generic);
  if (v.kind === "list" || v.kind === "tuple") return v.items.some((x) => isGeneric(env, x, depth + 1));
  return v.kind === "poison";
}

/** The refusal of a type rule or of dim arithmetic, in one form. */
export function refusal(error: unknown): OpError {
  if (error instanceof OpError) return error;
  if (error instanceof DimError) return new OpError(error.message);
  throw error;
}
