import type { Op } from "../ir/op.ts";
import type { Node } from "../ir/graph.ts";
import { showType } from "../ir/op.ts";

/**
 * A function of a node that depends only on its op, types and attributes, made to ask once for each of them: the layers
 * of a stack are alike.
 */
export function perForm<T>(f: (n: Node) => T): (n: Node) => T {
  const byNode = new WeakMap<Node, T>();
  const byForm = new WeakMap<Op, Map<string, T>>();
  return (n) => {
    const known = byNode.get(n);
    if (known !== undefined) return known;
    if (n.op.kind !== "map") return f(n);
    let forms = byForm.get(n.op);
    if (!forms) byForm.set(n.op, forms = new Map());
    const form = formOf(n);
    let value = forms.get(form);
    if (value === undefined) forms.set(form, value = f(n));
    byNode.set(n, value);
    return value;
  };
}

function formOf(n: Node): string {
  let form = showType(n.type);
  for (const x of n.inputs) form += ` ${showType(x.type)}`;
  for (const [name, value] of Object.entries(n.attrs)) form += ` ${name}=${JSON.stringify(value)}`;
  return form;
}
