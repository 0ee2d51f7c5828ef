import { check } from "./check/check.ts";
import type { Diagnostic } from "./core/diagnostic.ts";
import type { Bundle, Entry, Program } from "./core/program.ts";
import type { Source } from "./core/span.ts";
import type { OnStage } from "./core/stage.ts";
import { Stages } from "./core/stage.ts";
import type { Target } from "./core/target.ts";
import { TARGET_CPU } from "./core/target.ts";
import { layoutState } from "./emit/emit.ts";
import { parseBytes } from "./core/bytes.ts";
import { checkFits } from "./fits.ts";
import { interfaceOf } from "./interface.ts";
import type { Graph } from "./ir/graph.ts";
import { planProgram } from "./pipeline.ts";
import { specialise } from "./specialise.ts";

export interface CompileOptions {
  /** What to compile for; the CPU executor unless given. */
  readonly target?: Target;
  /** Finds an imported file; imports are an error where it is absent or gives nothing. */
  readonly resolve?: (path: string, from: string) => Source | undefined;
  /** Verifies the graph after every pass and throws on a fault of the compiler's own. */
  readonly verify?: boolean;
  /** Sees the graph after every pass, under the pass's name; `lower` comes first. */
  readonly observe?: (stage: string, graph: Graph, entry: Entry) => void;
  /** Told when each stage of compiling begins and ends, the passes by name; to measure them. */
  readonly onStage?: OnStage;
  /** Stores every node, so that nothing is fused: for comparison. */
  readonly fuse?: boolean;
  /** Computes everything in f32, whatever the program's annotations say: for comparison. */
  readonly precision?: "f32";
  /**
   * The most memory that a Program and its State may take, in bytes or as "2GiB". Where a training step would take more,
   * parts of its forward pass are computed again in the backward pass; asking for a Program that cannot be made to fit
   * throws DiagnosticError (MPT0607). Throws RangeError for what is no amount of memory.
   */
  readonly memory?: number | string;
}

export interface Compiled {
  /** Absent where a diagnostic is an error. */
  readonly bundle?: Bundle;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Compiles a program: source ─▶ AST ─▶ typed model here; Graph ─▶ passes ─▶ Program for each entry and set of dims when
 * the bundle is first asked for it. Never throws for a fault of the program.
 */
export function compile(source: Source, options: CompileOptions = {}): Compiled {
  const { program: typed, diagnostics } = check(source, options.resolve ?? (() => undefined), options);
  if (!typed) return { diagnostics };
  const target = options.target ?? TARGET_CPU;
  const limit = options.memory === undefined ? undefined : parseBytes(options.memory);
  if (options.memory !== undefined && limit === undefined) {
    throw new RangeError(`memory is bytes or text such as "2GiB", not ${JSON.stringify(options.memory)}`);
  }
  const { plan, state } = new Stages(options.onStage).run("plan", () => {
    const plan = planProgram(typed);
    return { plan, state: layoutState(plan.slots) };
  });
  const made = new Map<string, Program>();
  const bundle: Bundle = {
    interface: interfaceOf(plan),
    target,
    state,
    program(entry, dims, programOptions = {}) {
      const key = JSON.stringify([entry, Object.entries(dims).sort(), programOptions]);
      const old = made.get(key);
      if (old) return old;
      const request = { entry, dims, options: programOptions, limit, state, target };
      const program = specialise(plan, request, options);
      checkFits(program, target, typed);
      made.set(key, program);
      return program;
    },
  };
  return { bundle, diagnostics };
}
