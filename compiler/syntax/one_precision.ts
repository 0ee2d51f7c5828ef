import type { File, ModelDecl } from "./ast.ts";

/**
 * The program with every annotation of precision left out and `precision NAME` said by every model instead: what a
 * comparison of precisions compares with. Conversions (`as T`) and concrete dtypes stay; they are values, not policy.
 */
export function withPrecision(file: File, precision: string): File {
  return { ...file, decls: file.decls.map((d) => without(d.kind === "model" ? said(d, precision) : d)) };
}

function said(model: ModelDecl, precision: string): ModelDecl {
  const { span } = model.name;
  const items = model.items.filter((item) => item.kind !== "precision");
  return {
    ...model,
    items: [{ kind: "precision", policy: { text: precision, span }, span }, ...items],
  };
}

/** The same tree without `in`, on layers and on expressions. */
function without<T>(tree: T): T {
  if (Array.isArray(tree)) return tree.map(without) as T;
  if (typeof tree !== "object" || tree === null) return tree;
  const { kind } = tree as { kind?: unknown };
  if (kind === "in") return without((tree as unknown as { value: T }).value);
  const entries = Object.entries(tree).filter(([key]) => !(kind === "layer" && key === "precision"));
  return Object.fromEntries(entries.map(([key, value]) => [key, without(value)])) as T;
}
