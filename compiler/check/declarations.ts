import type { FnDecl, ForwardItem, ModelDecl, Name, PrecisionItem, TrainDecl, Typed } from "../syntax/ast.ts";
import type { Checker } from "./context.ts";
import { alreadyDeclared } from "./modules.ts";
import { label } from "./report.ts";

/** What can be said of a declaration by itself: each name once, one precision, one forward. */

export function checkModelDecl(ck: Checker, decl: ModelDecl, broken: boolean): void {
  const names = [
    ...decl.formals.map((f) => f.name),
    ...decl.items.flatMap((i) => i.kind === "layer" || i.kind === "param" ? [i.name] : []),
  ];
  distinct(ck, names);
  const precisions = decl.items.filter((i): i is PrecisionItem => i.kind === "precision");
  for (const again of precisions.slice(1)) {
    ck.report.error("MPT0202", {
      message: `${decl.name.text} has two precision items`,
      labels: [label(again.span, "again"), label(precisions[0].span, "first")],
      help: 'write all rules in one: precision { compute: f16, "head": f32 }',
    });
  }
  const forwards = decl.items.filter((i): i is ForwardItem => i.kind === "forward");
  for (const again of forwards.slice(1)) {
    ck.report.error("MPT0202", {
      message: `${decl.name.text} has two forwards`,
      labels: [label(again.span, "again"), label(forwards[0].span, "first")],
      help: "a model computes one thing; make the other a fn or a model of its own",
    });
  }
  // Where the parser has reported faults, one may be missing from the tree.
  if (forwards.length === 0 && !broken) {
    ck.report.error("MPT0230", {
      message: `${decl.name.text} has no forward`,
      labels: [label(decl.name.span, "what does it compute?")],
      help: "add forward(x: float[N, 784]) -> float[N, 10] { return … }",
    });
  }
  for (const f of forwards) distinct(ck, inputs(f.params));
}

export function checkFnDecl(ck: Checker, decl: FnDecl): void {
  distinct(ck, inputs(decl.params));
}

export function checkTrainDecl(ck: Checker, decl: TrainDecl): void {
  distinct(ck, inputs(decl.batch));
}

function inputs(params: readonly Typed[]): Name[] {
  return params.map((p) => p.name);
}

function distinct(ck: Checker, names: readonly Name[]): void {
  const first = new Map<string, Name>();
  for (const name of names) {
    if (name.text === "") continue;
    const before = first.get(name.text);
    if (before) alreadyDeclared(ck.report, name, before);
    else first.set(name.text, name);
  }
}
