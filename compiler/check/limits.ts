import type { Span } from "../core/span.ts";
import type { Dim } from "../core/shape.ts";
import { Builder } from "../ir/builder.ts";
import type { Attrs, Op } from "../ir/op.ts";
import type { Node, Origin, Region } from "../ir/graph.ts";

/** What a program may cost to check. Every one is far above real programs and keeps hostile ones to about a second. */
export const LIMITS = {
  /** Evaluated expressions, over the whole program. */
  steps: 400_000,
  nodes: 200_000,
  /** Layers and models of all instances. */
  instances: 20_000,
  /** Path rules tried on paths. */
  matches: 300_000,
  /** Calls inside calls, of fns and models. */
  calls: 100,
  /** Expressions inside expressions, through calls. */
  depth: 600,
  /** Elements of one tensor: positions are i32. */
  elements: 2 ** 31 - 1,
  rank: 16,
  /** Parts that one tensor is split into. */
  parts: 4_096,
  /** Path rules of one policy. */
  rules: 100,
  /** Terms, and factors of a term, of a symbolic dim. */
  terms: 64,
} as const;

/** Checking stops here; the one diagnostic it becomes says which limit was passed. */
export class LimitReached extends Error {
  constructor(
    readonly code: "MPT0501" | "MPT0502" | "MPT0503",
    message: string,
    readonly span: Span,
    readonly help?: string,
  ) {
    super(message);
    this.name = "LimitReached";
  }
}

/** Counts what checking costs. */
export class Budget {
  private stepsTaken = 0;
  private nodesMade = 0;
  private instancesMade = 0;
  private matchesTried = 0;
  depth = 0;

  step(at: Span): void {
    if (++this.stepsTaken > LIMITS.steps) {
      throw new LimitReached(
        "MPT0503",
        `checking this program takes more than ${LIMITS.steps} steps`,
        at,
        "a fn or model that calls itself or others several times multiplies; share the result of one call",
      );
    }
  }

  node(at: Span | undefined, fallback: Span): void {
    if (++this.nodesMade > LIMITS.nodes) {
      throw new LimitReached(
        "MPT0503",
        `this program makes more than ${LIMITS.nodes} operations`,
        at ?? fallback,
      );
    }
  }

  match(count: number, at: Span): void {
    if ((this.matchesTried += count) > LIMITS.matches) {
      throw new LimitReached(
        "MPT0503",
        `this program tries path rules on paths more than ${LIMITS.matches} times`,
        at,
        "many rules for many layers; * and ** stand for many paths at once",
      );
    }
  }

  instance(at: Span): void {
    if (++this.instancesMade > LIMITS.instances) {
      throw new LimitReached(
        "MPT0502",
        `this program makes more than ${LIMITS.instances} layers`,
        at,
        "models that hold several models multiply",
      );
    }
  }
}

/** A builder that counts its nodes. */
export class CountingBuilder extends Builder {
  constructor(readonly budget: Budget, readonly span: Span, origin: Origin, region?: Region) {
    super(origin, region);
  }

  override node(op: Op, inputs: readonly Node[], attrs: Attrs = {}): Node {
    this.budget.node(this.origin.span, this.span);
    return super.node(op, inputs, attrs);
  }

  override at(origin: Origin): Builder {
    return new CountingBuilder(this.budget, this.span, origin, this.region);
  }

  override within(region: Region | undefined): Builder {
    return new CountingBuilder(this.budget, this.span, this.origin, region);
  }
}

/** Whether a symbolic dim has grown past what a shape is good for. */
export function tooComplex(d: Dim): boolean {
  if (typeof d === "number") return false;
  return d.terms.length > LIMITS.terms ||
    d.terms.some((t) =>
      t.factors.reduce((n, f) => n + Math.abs(f.power), 0) > 16 || t.key.length > 2_000 ||
      !Number.isSafeInteger(t.num) || !Number.isSafeInteger(t.den)
    );
}
