import type { DType } from "../compiler/core/dtype.ts";
import { isFloat } from "../compiler/core/dtype.ts";
import type { InputSpec } from "../compiler/core/program.ts";
import { encode } from "../compiler/core/round.ts";
import type { Graph, Node } from "../compiler/ir/graph.ts";
import { nodesOf } from "../compiler/ir/graph.ts";
import type { Batch, BatchArray } from "../runtime/batch.ts";
import { mulberry32 } from "../runtime/batch.ts";

/**
 * How many values an integer input may take, by its name: a label stays below the number of classes, an id below the
 * rows of its table. Read off the positions that the graph's ops take from the input. Inputs that choose nothing are
 * left out.
 */
export function boundsOf(graph: Graph): Map<string, number> {
  const bounds = new Map<string, number>();
  for (const node of nodesOf(graph)) {
    const choice = choiceOf(node);
    if (!choice) continue;
    for (const { attrs } of inputsBehind(choice.by)) {
      const name = String(attrs.name);
      bounds.set(name, Math.min(bounds.get(name) ?? Infinity, choice.of));
    }
  }
  return bounds;
}

/** The operand by which an op chooses, and among how many. */
function choiceOf({ op, inputs, attrs }: Node): { by: Node; of: number } | undefined {
  switch (op.name) {
    case "pick":
    case "gather":
      return { by: inputs[1], of: Number(inputs[0].type.shape[Number(attrs.axis)]) };
    case "take":
      return { by: inputs[1], of: Number(inputs[0].type.shape[0]) };
    case "unpick":
      return { by: inputs[1], of: Number(attrs.classes) };
    case "one_hot":
      return { by: inputs[0], of: Number(attrs.classes) };
  }
}

/** The batch inputs that an integer is made of: through casts, views and arithmetic, not through conditions. */
function inputsBehind(node: Node): Node[] {
  const integers = (n: Node): readonly Node[] => n.inputs.filter(({ type: { dtype } }) => isInteger(dtype));
  const found: Node[] = [];
  const seen = new Set<Node>([node]);
  for (const n of seen) {
    if (n.op.name === "input") found.push(n);
    for (const i of integers(n)) seen.add(i);
  }
  return found;
}

const isInteger = (dtype: DType) => !isFloat(dtype) && dtype !== "bool";

/** The dims of a program's batch: as given, and `fallback` for a symbol that only leads. */
export function chooseDims(
  specs: readonly InputSpec[],
  given: Readonly<Record<string, number>>,
  fallback: number,
): { dims: Record<string, number>; missing: string[]; assumed: string[] } {
  const symbols = [...new Set(specs.flatMap((s) => s.shape.filter(isSymbol)))];
  const leading = new Set(specs.map((s) => s.shape[0]).filter(isSymbol));
  const inner = new Set(specs.flatMap((s) => s.shape.slice(1)).filter(isSymbol));
  const open = symbols.filter((s) => !(s in given));
  const assumed = open.filter((s) => leading.has(s) && !inner.has(s));
  return {
    dims: { ...given, ...Object.fromEntries(assumed.map((s) => [s, fallback])) },
    missing: open.filter((s) => !assumed.includes(s)),
    assumed,
  };
}

const isSymbol = (d: number | string | undefined): d is string =>
  typeof d === "string" && /^[A-Za-z_]\w*$/.test(d);

/**
 * A batch of random values that any program takes: floats in [0, 1), bytes over their whole range, integers below what
 * they choose from (0 and 1 where they choose nothing).
 */
export function randomBatch(
  inputs: readonly { readonly name: string; readonly dtype: DType; readonly shape: readonly number[] }[],
  bounds: ReadonlyMap<string, number>,
  seed: number,
): Batch {
  const random = mulberry32(seed);
  return Object.fromEntries(inputs.map(({ name, dtype, shape }) => {
    const count = shape.reduce((a, b) => a * b, 1);
    return [name, { data: values(dtype, count, bounds.get(name), random), shape }];
  }));
}

function values(dtype: DType, count: number, bound: number | undefined, random: () => number): BatchArray {
  const whole = (below: number) => () => Math.floor(random() * below);
  if (isFloat(dtype)) {
    if (dtype === "f32") return Float32Array.from({ length: count }, random);
    const codes = () => encode(random(), dtype);
    return dtype === "f16" || dtype === "bf16"
      ? Uint16Array.from({ length: count }, codes)
      : Uint8Array.from({ length: count }, codes);
  }
  switch (dtype) {
    case "u8":
      return Uint8Array.from({ length: count }, whole(Math.min(bound ?? 256, 256)));
    case "i8":
      return Int8Array.from({ length: count }, whole(Math.min(bound ?? 128, 128)));
    case "bool":
      return Uint8Array.from({ length: count }, whole(2));
    case "u32":
      return Uint32Array.from({ length: count }, whole(bound ?? 2));
    default:
      return Int32Array.from({ length: count }, whole(bound ?? 2));
  }
}
