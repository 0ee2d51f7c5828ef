/** The tree as text: compact, stable, and the same for sources that differ in layout only. */

import type {
  Arg,
  Block,
  Decl,
  Documented,
  Expr,
  Field,
  File,
  IndexItem,
  Item,
  Name,
  Pattern,
  Rule,
  Type,
  Typed,
} from "./ast.ts";

/** One line for each declaration, item, statement and field; expressions as S-expressions. */
export function dump(file: File): string {
  const lines = file.decls.flatMap(decl);
  return lines.map((line) => line + "\n").join("");
}

function decl(d: Decl): string[] {
  return documented(d, () => {
    switch (d.kind) {
      case "import":
        return [`import ${d.names.map(name).join(" ")} from ${JSON.stringify(d.from.text)}`];
      case "const":
        return [`const ${name(d.name)} ${expr(d.value)}`];
      case "policy":
        return [`policy ${name(d.name)} ${rules(d.rules)}`];
      case "fn":
        return [`fn ${name(d.name)} ${typed(d.params)} -> ${type(d.result)}`, ...indent(block(d.body))];
      case "model": {
        const formals = d.formals.map((f) =>
          `${name(f.name)}: ${name(f.type)}${f.default ? " = " + expr(f.default) : ""}`
        );
        return [`model ${name(d.name)} (${formals.join(", ")})`, ...indent(d.items.flatMap(item))];
      }
      case "train":
        return [
          `train ${name(d.model)} ${args(d.args)}`,
          ...indent([`batch ${typed(d.batch)}`, ...d.fields.map(field)]),
        ];
    }
  });
}

function item(i: Item): string[] {
  return documented(i, () => {
    switch (i.kind) {
      case "precision":
        return [`precision ${"text" in i.policy ? name(i.policy) : rules(i.policy)}`];
      case "layer": {
        const count = i.count ? ` * ${expr(i.count)}` : "";
        const precision = i.precision ? ` in ${name(i.precision)}` : "";
        return [`layer ${name(i.name)} ${name(i.callee)}${args(i.args)}${count}${precision}`];
      }
      case "param":
        return [`param ${name(i.name)}: ${type(i.type)} ${expr(i.init)}`];
      case "forward":
        return [`forward ${typed(i.params)} -> ${type(i.result)}`, ...indent(block(i.body))];
    }
  });
}

function documented(node: Documented, lines: () => string[]): string[] {
  const doc = node.doc === undefined ? [] : node.doc.split("\n").map((line) => `/// ${line}`.trimEnd());
  return [...doc, ...lines()];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => "  " + line);
}

function block(b: Block): string[] {
  return [...b.lets.map((l) => `let ${pattern(l.pattern)} ${expr(l.value)}`), `return ${expr(b.result)}`];
}

function field(f: Field): string {
  switch (f.kind) {
    case "let":
      return `let ${pattern(f.pattern)} ${expr(f.value)}`;
    case "metric":
      return `metric ${name(f.name)} ${expr(f.value)}`;
    case "field":
      return `${f.name.text} ${expr(f.value)}`;
  }
}

function name(n: Name): string {
  return n.text === "" ? "<missing>" : n.text;
}

function rules(list: readonly Rule[]): string {
  return `{${
    list.map((r) => `${r.glob ? JSON.stringify(r.key.text) : name(r.key)}: ${name(r.precision)}`).join(", ")
  }}`;
}

function typed(list: readonly Typed[]): string {
  return `(${list.map((t) => `${name(t.name)}: ${type(t.type)}`).join(", ")})`;
}

function type(t: Type): string {
  if (t.kind === "tuple") return `(${t.items.map(type).join(", ")})`;
  return name(t.kindName) + (t.dims ? `[${t.dims.map(expr).join(", ")}]` : "");
}

function pattern(p: Pattern): string {
  return p.kind === "name" ? name(p.name) : `(${p.items.map(pattern).join(", ")})`;
}

function args(list: readonly Arg[]): string {
  return `(${list.map((a) => (a.name ? `${name(a.name)}: ` : "") + expr(a.value)).join(", ")})`;
}

function index(i: IndexItem): string {
  if (i.kind === "at") return expr(i.index);
  const [start, stop, step] = [i.start, i.stop, i.step].map((e) => (e ? expr(e) : ""));
  return `${start}:${stop}${i.step ? ":" + step : ""}`;
}

/** An expression as an S-expression. */
export function expr(e: Expr): string {
  switch (e.kind) {
    case "number":
      return e.isInt || !Number.isInteger(e.value) ? String(e.value) : `${e.value}.0`;
    case "string":
      return JSON.stringify(e.value);
    case "bool":
      return String(e.value);
    case "name":
      return e.name;
    case "list":
      return `[${e.items.map(expr).join(", ")}]`;
    case "tuple":
      return `(tuple ${e.items.map(expr).join(" ")})`;
    case "unary":
      return `(- ${expr(e.operand)})`;
    case "binary":
      return `(${e.op} ${expr(e.left)} ${expr(e.right)})`;
    case "call":
      return `${expr(e.callee)}${args(e.args)}`;
    case "pipe":
      return `(|> ${expr(e.value)} ${expr(e.callee)}${e.args ? args(e.args) : ""})`;
    case "index":
      return `${expr(e.value)}[${e.items.map(index).join(", ")}]`;
    case "member":
      return `${expr(e.value)}.${name(e.name)}`;
    case "as":
      return `(as ${expr(e.value)} ${name(e.to)})`;
    case "in":
      return `(in ${expr(e.value)} ${name(e.precision)})`;
    case "if":
      return `(if ${expr(e.cond)} ${expr(e.then)} ${expr(e.else)})`;
    case "error":
      return "<error>";
  }
}
