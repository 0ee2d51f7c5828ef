import type { Diagnostic } from "../core/diagnostic.ts";
import { DiagnosticError } from "../core/diagnostic.ts";
import type { Dim, DimEnv } from "../core/shape.ts";
import { bindDim, DimError, evaluateDim, Poly, showDim, showShape } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import { LIMITS } from "../check/limits.ts";
import type { TypedInput, TypedProgram } from "../check/typed.ts";
import type { Graph, Node, Output } from "../ir/graph.ts";
import { mapGraph } from "../ir/graph.ts";
import type { Attr, Attrs } from "../ir/op.ts";
import { deriveType, OpError, showType } from "../ir/op.ts";
import { constOp } from "../ops/leaf.ts";
import { numberSites } from "../ops/random.ts";
import { sliceOp } from "../ops/view.ts";
import type { Dims } from "./bind.ts";
import { bindSymbols } from "./bind.ts";

export interface LowerRequest {
  /** `train` and `eval`: the loss and the metrics; `predict`: the model from its own inputs; `predict_batch`: from the batch. */
  readonly entry: "train" | "eval" | "predict" | "predict_batch";
  /** The size of every symbol of the entry's inputs. Others are ignored. */
  readonly dims: Dims;
}

/**
 * The graph of one entry at one set of dims: the typed program's nodes with their symbols bound, each type derived anew.
 * Results are `loss` and each metric, or `output` (`output.0`, … of a tuple). Throws DiagnosticError (MPT06xx) where the
 * dims do not fit, saying what to pass.
 */
export function lower(program: TypedProgram, request: LowerRequest): Graph {
  const { inputs, graph } = entryOf(program, request.entry);
  const env = bindSymbols(inputs, request.dims);
  const dims = [...env].map(([name, size]) => `${name}=${size}`).join(", ");
  return mapGraph(numberSites(graph), (node, operands) => bindNode(program, node, operands, env, dims));
}

function entryOf(
  program: TypedProgram,
  entry: LowerRequest["entry"],
): { inputs: readonly TypedInput[]; graph: Graph } {
  const { train, forward } = program;
  if (entry === "predict") return { inputs: forward.inputs, graph: { outputs: outputs(forward.outputs) } };
  if (!train) {
    throw new DiagnosticError([{
      code: "MPT0605",
      severity: "error",
      message: `${program.model} has no train block to run`,
      labels: [{ span: { file: program.file, start: 0, end: 0 }, text: "in this file" }],
      help: `add train ${program.model} { batch(…) loss = … optimizer = … }`,
    }]);
  }
  if (entry === "predict_batch") return { inputs: train.batch, graph: { outputs: outputs(train.call) } };
  const metrics = train.metrics.map((m): Output => ({ kind: "result", name: m.name, node: m.node }));
  return {
    inputs: train.batch,
    graph: { outputs: [{ kind: "result", name: "loss", node: train.loss }, ...metrics] },
  };
}

function outputs(nodes: readonly Node[]): Output[] {
  return nodes.map((node, i) => ({
    kind: "result",
    name: nodes.length === 1 ? "output" : `output.${i}`,
    node,
  }));
}

function bindNode(
  program: TypedProgram,
  node: Node,
  inputs: readonly Node[],
  env: DimEnv,
  dims: string,
): Node {
  try {
    const attrs = node.op === constOp ? bindConst(node.attrs, env) : bindAttrs(node.attrs, env);
    if (attrs === node.attrs && inputs.every((x, i) => x === node.inputs[i])) return node;
    const type = deriveType(node.op, inputs.map((n) => n.type), attrs, node.region);
    const bound: Node = { ...node, inputs, attrs, type };
    checkBound(bound);
    return bound;
  } catch (error) {
    if (!(error instanceof OpError || error instanceof DimError)) throw error;
    throw new DiagnosticError([misfit(program, node, inputs, error, dims)]);
  }
}

function bindAttrs(attrs: Attrs, env: DimEnv): Attrs {
  let changed = false;
  const out: Record<string, Attr> = {};
  for (const [key, value] of Object.entries(attrs)) {
    out[key] = bindAttr(value, env);
    changed ||= out[key] !== value;
  }
  return changed ? out : attrs;
}

function bindAttr(value: Attr, env: DimEnv): Attr {
  if (value instanceof Poly) return bindDim(value, env);
  if (!Array.isArray(value)) return value;
  const items = value.map((v) => bindAttr(v, env));
  return items.every((v, i) => v === value[i]) ? value : items;
}

/** A constant may be any number: `1 / T` is no dim. */
function bindConst(attrs: Attrs, env: DimEnv): Attrs {
  return attrs.value instanceof Poly ? { ...attrs, value: evaluateDim(attrs.value, env) } : attrs;
}

/** What types do not say: sizes that make sense, and slices inside what they cut. */
function checkBound(node: Node): void {
  const shape = node.type.shape as readonly number[];
  if (shape.some((d) => d < 0)) throw new OpError(`a size comes out negative: ${showShape(shape)}`);
  if (shape.reduce((a, d) => a * d, 1) > LIMITS.elements) {
    throw new OpError(`${showType(node.type)} has more than ${LIMITS.elements} elements`);
  }
  if (node.op !== sliceOp) return;
  const { axis, start, count, step } = node.attrs as Record<string, number>;
  const extent = node.inputs[0].type.shape[axis] as number;
  const last = start + (count - 1) * step;
  if (count > 0 && (start < 0 || start >= extent || last < 0 || last >= extent)) {
    throw new OpError(
      `elements ${Math.min(start, last)} to ${Math.max(start, last)} of an axis of ${extent}`,
      {
        expected: `0 to ${extent - 1}`,
        found: `${Math.min(start, last)} to ${Math.max(start, last)}`,
      },
    );
  }
}

function misfit(
  program: TypedProgram,
  node: Node,
  inputs: readonly Node[],
  error: OpError | DimError,
  dims: string,
): Diagnostic {
  const detail = error instanceof OpError ? error.detail : {};
  const span: Span = node.origin.span ?? { file: program.file, start: 0, end: 0 };
  const symbolic = node.type.shape.filter((d): d is Exclude<Dim, number> => typeof d !== "number");
  return {
    code: "MPT0606",
    severity: "error",
    message: `with ${dims || "these sizes"} the program does not fit: ${error.message}`,
    labels: [{
      span,
      text: inputs.length > 0 ? `given ${inputs.map((i) => showType(i.type)).join(", ")}` : "here",
    }],
    expected: detail.expected,
    found: detail.found,
    help: detail.help ??
      (symbolic.length > 0
        ? `${symbolic.map(showDim).join(", ")} must come out whole; pass other --dims`
        : "pass other --dims"),
  };
}
