import type { Span } from "../core/span.ts";
import type { ConstDecl, PolicyDecl } from "../syntax/ast.ts";
import type { Module } from "./modules.ts";
import type { Value } from "./values.ts";

/** What a name stands for. */
export type Entry =
  | { readonly kind: "value"; readonly value: Value; readonly span?: Span }
  | { readonly kind: "policy"; readonly decl: PolicyDecl; readonly module: Module; readonly span?: Span }
  | ConstEntry;

/** Evaluated when it is first named. */
export interface ConstEntry {
  readonly kind: "const";
  readonly decl: ConstDecl;
  readonly module: Module;
  readonly span?: Span;
  state: "unread" | "reading" | Value;
}

/** Names, and the scope around them: a block in a forward in a model in a file. */
export interface Scope {
  readonly names: Map<string, Entry>;
  readonly outer?: Scope;
}

export function inner(outer?: Scope): Scope {
  return { names: new Map(), outer };
}

export function lookup(scope: Scope | undefined, name: string): Entry | undefined {
  for (let s = scope; s; s = s.outer) {
    const found = s.names.get(name);
    if (found) return found;
  }
  return undefined;
}

/** Binds a name; a later binding in the same scope takes its place, as a `let` that shadows does. */
export function bind(scope: Scope, name: string, value: Value, span?: Span): void {
  scope.names.set(name, { kind: "value", value, span });
}

/** Every name in sight, or those of one kind. */
export function namesOf(scope: Scope | undefined, kind?: Entry["kind"]): string[] {
  const names = new Set<string>();
  for (let s = scope; s; s = s.outer) {
    for (const [name, entry] of s.names) if (!kind || entry.kind === kind) names.add(name);
  }
  return [...names];
}
