import type { Op } from "../ir/op.ts";
import type { Node } from "../ir/graph.ts";
import { showType } from "../ir/op.ts";

/** What nodes of one op, with equal types and attributes, have in common: the layers of a stack are alike. */
export type Form = { readonly text: string };

const byNode = new WeakMap<Node, Form>();
const byText = new WeakMap<Op, Map<string, Form>>();

/** The one object that stands for a node's op, types and attributes. */
export function formOf(n: Node): Form {
  let form = byNode.get(n);
  if (form) return form;
  let forms = byText.get(n.op);
  if (!forms) byText.set(n.op, forms = new Map());
  const text = textOf(n);
  form = forms.get(text);
  if (!form) forms.set(text, form = { text });
  byNode.set(n, form);
  return form;
}

/** A function of a node that depends only on its form, made to ask once for each. Of other nodes than maps it asks again. */
export function perForm<T>(f: (n: Node) => T): (n: Node) => T {
  const byForm = new WeakMap<Form, T>();
  return (n) => {
    if (n.op.kind !== "map") return f(n);
    const form = formOf(n);
    let value = byForm.get(form);
    if (value === undefined) byForm.set(form, value = f(n));
    return value;
  };
}

function textOf(n: Node): string {
  let text = showType(n.type);
  for (const x of n.inputs) text += ` ${showType(x.type)}`;
  for (const [name, value] of Object.entries(n.attrs)) text += ` ${name}=${JSON.stringify(value)}`;
  return text;
}
