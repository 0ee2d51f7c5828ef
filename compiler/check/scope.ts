import type { Span } from "../core/span.ts";
import type { Entry, Scope, Value } from "./values.ts";

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
