import type { Diagnostic, Label } from "../core/diagnostic.ts";
import { closest } from "../core/closest.ts";
import type { Source, Span } from "../core/span.ts";
import type { OnStage } from "../core/stage.ts";
import { Stages } from "../core/stage.ts";
import { position } from "../core/span.ts";
import { topological } from "../ir/graph.ts";
import type { ForwardItem, ModelDecl, TrainDecl } from "../syntax/ast.ts";
import { block } from "./blocks.ts";
import { apply, forwardEnv, symbolsOf } from "./calls.ts";
import type { Checker, Env } from "./context.ts";
import { newSession } from "./context.ts";
import { checkFnDecl, checkModelDecl, checkTrainDecl } from "./declarations.ts";
import { evaluate, evaluateArgs, moduleEnv, readConst } from "./evaluate.ts";
import { bindFormals, genericFormals } from "./formals.ts";
import { bindStandIns, checkGenericFn, reportUnusedRules } from "./generic.ts";
import { hostInputs } from "./inputs.ts";
import { instantiate } from "./instances.ts";
import type { Masters } from "./parameters.ts";
import { Budget, LimitReached } from "./limits.ts";
import type { Resolve } from "./modules.ts";
import { loadModules } from "./modules.ts";
import { policyOf, resolveRules } from "./precision.ts";
import { label, Reporter } from "./report.ts";
import { checkTrain, flat, renameTrained } from "./train.ts";
import type { TypedForward, TypedProgram, TypedTrain } from "./typed.ts";
import type { ModelInstance, Module, Value } from "./values.ts";
import { describe, isPoisoned } from "./values.ts";

export interface CheckOptions {
  /** Which train block is the program's, by its model's name; the first unless given. */
  readonly train?: string;
  /** A preset that takes the place of every annotation of precision, to compare with. */
  readonly precision?: string;
  /** Told when parsing and checking begin and end. */
  readonly onStage?: OnStage;
}

export interface Checked {
  /** Absent where a diagnostic is an error, and where a file has no model that stands by itself. */
  readonly program?: TypedProgram;
  readonly diagnostics: Diagnostic[];
}

/**
 * Checks a program: names, shapes, precision, train blocks. Imports are found by `resolve(path, from)`. Whatever the
 * source holds, it ends within about a second and throws nothing; every fault is a diagnostic, in the order of the
 * source.
 */
export function check(entry: Source, resolve: Resolve, options: CheckOptions = {}): Checked {
  const run = new Run(entry, resolve, options);
  const program = run.whole();
  const diagnostics = withoutFollowers(run.report.sorted(entry.file), run.sources);
  const sound = diagnostics.every((d) => d.severity !== "error");
  return sound && program ? { program, diagnostics } : { diagnostics };
}

/** Codes that stand by themselves, next to a fault of syntax too. */
const INDEPENDENT: ReadonlySet<string> = new Set([
  "MPT0201",
  "MPT0202",
  "MPT0301",
  "MPT0302",
  "MPT0305",
  "MPT0306",
]);

/** Leaves out what most likely follows from a fault of syntax: faults that its line contributes to. */
function withoutFollowers(all: readonly Diagnostic[], sources: ReadonlyMap<string, string>): Diagnostic[] {
  const place = ({ span }: Label) => {
    const text = sources.get(span.file);
    return text === undefined ? "" : `${span.file} ${position(text, span.start).line}`;
  };
  const isSyntax = (d: Diagnostic) => d.code.startsWith("MPT01");
  const faulty = new Set(all.filter(isSyntax).map((d) => place(d.labels[0])));
  return all.filter((d) =>
    isSyntax(d) || INDEPENDENT.has(d.code) || !d.labels.some((l) => faulty.has(place(l)))
  );
}

class Run {
  readonly report = new Reporter();
  /** The texts of all files, by name. */
  readonly sources = new Map<string, string>();
  readonly ck: Checker;
  /** What the trained model's first call in the train block at hand gave. */
  private calls: { of?: ModelInstance; first?: Value } = {};
  private readonly start: Span;
  private spent = false;

  constructor(readonly entry: Source, readonly resolve: Resolve, readonly options: CheckOptions) {
    this.start = { file: entry.file, start: 0, end: 0 };
    const ck: Checker = {
      report: this.report,
      budget: new Budget(),
      evaluate: (e, env) => evaluate(ck, e, env),
      apply: (callee, args, site, env) => {
        const value = apply(ck, callee, args, site, env);
        const trained = callee.kind === "instance" && callee.instance === this.calls.of;
        if (trained && value.kind !== "poison") this.calls.first ??= value;
        return value;
      },
      makers: new WeakMap(),
      seen: new Set(),
      segments: 0,
    };
    this.ck = ck;
  }

  /** Checks everything; the program is that of the entry file. */
  whole(): TypedProgram | undefined {
    const stages = new Stages(this.options.onStage);
    const modules = stages.run(
      "parse",
      () => loadModules(this.entry, this.resolve, this.report, this.options.precision),
      (all) => ({ count: all.reduce((sum, m) => sum + declarationsOf(m), 0), of: "declarations" }),
    );
    return stages.run("check", () => this.checked(modules), (program) => ({
      count: program ? nodesOf(program) : 0,
      of: "nodes",
    }));
  }

  private checked(modules: readonly Module[]): TypedProgram | undefined {
    for (const m of modules) {
      for (const d of m.models) checkModelDecl(this.ck, d, m.broken);
      for (const d of m.fns) checkFnDecl(this.ck, d);
    }
    for (const m of modules) this.sources.set(m.source.file, m.source.text);
    const main = modules[0];
    for (const d of main.trains) checkTrainDecl(this.ck, d);
    const programs = this.trains(main);
    const program = this.guarded(() => this.choose(main, programs));
    for (const m of modules) this.rest(m);
    this.guarded(() => reportUnusedRules(this.ck, modules));
    return program;
  }

  /** Runs a part of the check; a limit that it passes becomes one diagnostic, a spent budget the last one. */
  private guarded<T>(f: () => T): T | undefined {
    if (this.spent) return undefined;
    try {
      return f();
    } catch (error) {
      this.ck.budget.depth = 0;
      if (error instanceof LimitReached) {
        this.report.error(error.code, {
          message: error.message,
          labels: [label(error.span, "passed here")],
          help: error.help,
        });
        this.spent = error.code !== "MPT0501";
        return undefined;
      }
      if (error instanceof RangeError) {
        this.report.error("MPT0501", {
          message: "this program nests too deeply",
          labels: [label(this.start, "in this file")],
        });
        return undefined;
      }
      this.report.error("MPT0505", {
        message: `the compiler has failed on this program: ${error instanceof Error ? error.message : error}`,
        labels: [label(this.start, "somewhere in this file")],
        help: "this is a fault of the compiler; please report it with the program",
      });
      return undefined;
    }
  }

  private trains(main: Module): Map<TrainDecl, TypedProgram> {
    const out = new Map<TrainDecl, TypedProgram>();
    const first = new Map<string, TrainDecl>();
    for (const decl of main.trains) {
      const name = decl.model.text;
      const before = first.get(name);
      if (before) {
        this.report.error("MPT0413", {
          message: `${name} is trained twice`,
          labels: [label(decl.model.span, "again"), label(before.model.span, "first")],
          help: "a train block is chosen by its model's name; put the other into a file of its own",
        });
        continue;
      }
      first.set(name, decl);
      const program = this.guarded(() => this.train(main, decl));
      if (program) out.set(decl, program);
    }
    return out;
  }

  private train(main: Module, decl: TrainDecl): TypedProgram | undefined {
    const name = decl.model.text;
    if (name === "") return undefined;
    const entry = main.scope.names.get(name);
    const value = entry?.kind === "value" ? entry.value : undefined;
    if (value?.kind === "poison" || (!entry && main.broken)) return undefined;
    if (value?.kind !== "model") {
      const models = [...main.scope.names].flatMap(([n, e]) =>
        e.kind === "value" && e.value.kind === "model" ? [n] : []
      );
      const near = closest(name, models);
      this.report.error("MPT0409", {
        message: `there is no model ${name} to train`,
        labels: [
          label(decl.model.span, near ? `did you mean ${near}?` : entry ? "not a model" : "not declared"),
        ],
        help: models.length > 0 ? `the models are ${models.join(", ")}` : undefined,
        edit: near ? renameTrained(decl, near) : undefined,
      });
      return undefined;
    }
    const env = moduleEnv(main);
    const args = evaluateArgs(this.ck, decl.args, env);
    const formals = bindFormals(this.ck, env, value.decl, value.module, args, decl.model.span);
    if (!formals) return undefined;
    const masters: Masters = { params: [], incomplete: false };
    const root = instantiate(this.ck, env, value.decl, value.module, formals, masters, { path: [], name });
    const forward = this.forward(root);
    this.calls = { of: root };
    const train = checkTrain(this.ck, decl, main, root, masters, this.calls);
    this.calls = {};
    return forward && train ? typed(main, root, masters, forward, train) : undefined;
  }

  /** A model from inputs that the host gives, their symbols free. */
  private forward(root: ModelInstance, open?: Set<string>): TypedForward | undefined {
    const item = root.decl.items.find((i): i is ForwardItem => i.kind === "forward");
    if (!item) return undefined;
    this.ck.seen.add(root.decl);
    const env: Env = forwardEnv(
      this.ck,
      root,
      moduleEnv(root.module, newSession({ generic: open ?? new Set() })),
      0,
    );
    const params = open ? bindStandIns(env, item.params, open) : item.params;
    const inputs = hostInputs(this.ck, env, params, symbolsOf(env, root));
    const returns = { name: root.decl.name.text, output: policyOf(this.ck.budget, root, new Map()).output };
    const value = block(this.ck, env, item.body, item.result, returns);
    const outputs = flat(value);
    if (outputs) return { inputs, outputs };
    if (!isPoisoned(value) && !open) {
      this.report.error("MPT0212", {
        message: `${returns.name} gives no tensor`,
        labels: [
          label(item.body.result.span, `this is ${describe(value)}`),
          label(item.result.span, "declared here"),
        ],
        expected: "a tensor, or a tuple of tensors",
        found: describe(value),
      });
    }
    return undefined;
  }

  /** The program that a file stands for: a train block's, or that of the last model that nothing else holds. */
  private choose(main: Module, programs: ReadonlyMap<TrainDecl, TypedProgram>): TypedProgram | undefined {
    const wanted = this.options.train;
    if (main.trains.length > 0 || wanted !== undefined) {
      const decl = wanted === undefined ? main.trains[0] : main.trains.find((t) => t.model.text === wanted);
      if (decl) return programs.get(decl);
      this.report.error("MPT0409", {
        message: `${this.entry.file} does not train ${wanted}`,
        labels: [label(this.start, "in this file")],
        help: main.trains.length > 0
          ? `it trains ${main.trains.map((t) => t.model.text).join(", ")}`
          : "it trains nothing",
      });
      return undefined;
    }
    const held = new Set(
      main.models.flatMap((m) => m.items.flatMap((i) => i.kind === "layer" ? [i.callee.text] : [])),
    );
    const roots = main.models.filter((m) =>
      m.formals.every((f) => f.default) && !held.has(m.name.text) && standsAlone(m)
    );
    return roots.map((m) => this.standing(main, m)).at(-1);
  }

  private standing(main: Module, decl: ModelDecl): TypedProgram | undefined {
    const env = moduleEnv(main);
    const formals = bindFormals(this.ck, env, decl, main, [], decl.name.span);
    if (!formals) return undefined;
    const masters: Masters = { params: [], incomplete: false };
    const root = instantiate(this.ck, env, decl, main, formals, masters, { path: [], name: decl.name.text });
    const forward = this.forward(root);
    return forward && typed(main, root, masters, forward);
  }

  /** What no instance and no call has reached, with formals that have no value. */
  private rest(m: Module): void {
    this.guarded(() => {
      for (const decl of m.consts) {
        const entry = m.scope.names.get(decl.name.text);
        if (entry?.kind === "const") readConst(this.ck, entry);
      }
    });
    // The models that others hold come first where they are declared; the outer ones reach them.
    for (const decl of [...m.models].reverse()) {
      if (this.ck.seen.has(decl)) continue;
      this.guarded(() => {
        const { formals, open } = genericFormals(this.ck, decl, m);
        const env = moduleEnv(m, newSession({ generic: open }));
        const place = { path: [], name: decl.name.text };
        this.forward(
          instantiate(this.ck, env, decl, m, formals, { params: [], incomplete: false }, place),
          open,
        );
        this.ck.seen.add(decl);
      });
    }
    for (const decl of m.policies) {
      const c = { report: this.report, scope: m.scope, within: [decl.name.text], unused: true };
      resolveRules(c, decl.rules, `policy ${decl.name.text}`);
    }
    for (const decl of m.fns) {
      if (!this.ck.seen.has(decl)) this.guarded(() => checkGenericFn(this.ck, decl, m));
    }
  }
}

function declarationsOf(m: Module): number {
  return m.models.length + m.fns.length + m.consts.length + m.policies.length + m.trains.length;
}

/** How many nodes a typed program's graphs have, the model's and the training step's. */
function nodesOf({ forward, train }: TypedProgram): number {
  return topological([
    ...forward.outputs,
    ...(train ? [train.loss, ...train.metrics.map((m) => m.node)] : []),
  ]).length;
}

/** Whether a host could give a model its inputs: tensors and numbers. */
function standsAlone(decl: ModelDecl): boolean {
  const forward = decl.items.find((i): i is ForwardItem => i.kind === "forward");
  const kinds = forward?.params.flatMap((p) => p.type.kind === "tensor" ? [p.type.kindName.text] : []) ?? [];
  return !kinds.includes("string") && !kinds.includes("dtype");
}

function typed(
  main: Module,
  root: ModelInstance,
  masters: Masters,
  forward: TypedForward,
  train?: TypedTrain,
): TypedProgram {
  const params = masters.params.map((p) => ({
    path: p.path.join("."),
    dtype: p.dtype,
    shape: p.shape,
    init: p.init,
    span: p.span,
  }));
  return { file: main.source.file, model: root.decl.name.text, params, forward, train };
}
