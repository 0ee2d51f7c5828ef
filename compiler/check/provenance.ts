import type { Edit, Label } from "../core/diagnostic.ts";
import type { Dim } from "../core/shape.ts";
import { eqDim, eqShape, isBound, showDim, showShape, sizeOf } from "../core/shape.ts";
import type { Span } from "../core/span.ts";
import type { Node } from "../ir/graph.ts";
import type { Expr, LayerItem } from "../syntax/ast.ts";
import type { CallArg, Checker, Env } from "./context.ts";
import { mayEqual } from "./context.ts";
import { insert, label, wrap } from "./report.ts";
import type { LayerInstance } from "./values.ts";
import { showOpen } from "./values.ts";

/** Diagnostics about tensors that do not fit tell where their sizes come from. */

/** What a layer's arguments say about one axis of what it takes and gives. */
interface Features {
  readonly takes?: string;
  readonly makes?: string;
  readonly axis: number;
  readonly noun: string;
}

const FEATURES: Readonly<Record<string, Features>> = {
  Linear: { takes: "in_features", makes: "out_features", axis: -1, noun: "features" },
  Conv1d: { takes: "in_channels", makes: "out_channels", axis: 1, noun: "channels" },
  Conv2d: { takes: "in_channels", makes: "out_channels", axis: 1, noun: "channels" },
  ConvTranspose2d: { takes: "in_channels", makes: "out_channels", axis: 1, noun: "channels" },
  BatchNorm1d: { takes: "num_features", makes: "num_features", axis: 1, noun: "channels" },
  BatchNorm2d: { takes: "num_features", makes: "num_features", axis: 1, noun: "channels" },
  GroupNorm: { takes: "num_channels", makes: "num_channels", axis: 1, noun: "channels" },
  LayerNorm: { takes: "normalized_shape", makes: "normalized_shape", axis: -1, noun: "features" },
  RMSNorm: { takes: "normalized_shape", makes: "normalized_shape", axis: -1, noun: "features" },
  Embedding: { makes: "embedding_dim", axis: -1, noun: "features" },
  MultiHeadAttention: { takes: "embed_dim", makes: "embed_dim", axis: -1, noun: "features" },
  LSTM: { takes: "input_size", makes: "hidden_size", axis: -1, noun: "features" },
  GRU: { takes: "input_size", makes: "hidden_size", axis: -1, noun: "features" },
};

/** The layer whose output this is, seen through operations that keep its shape. */
export function makerOf(ck: Checker, node: Node): LayerInstance | undefined {
  let n = node;
  for (let i = 0; i < 64; i++) {
    const made = ck.makers.get(n);
    if (made) return made;
    const from = n.inputs.find((x) => eqShape(x.type.shape, n.type.shape));
    if (!from || n.op.kind === "leaf") return undefined;
    n = from;
  }
  return undefined;
}

function sizeOfArg(layer: LayerInstance, name: string | undefined): Dim | undefined {
  const v = name === undefined ? undefined : layer.args[name];
  return typeof v === "number" || (typeof v === "object" && "terms" in v) ? v as Dim : undefined;
}

/** "fc1 makes 256 features", at the argument that says so. */
function makes(maker: LayerInstance | undefined, axisSize: Dim): Label | undefined {
  if (!maker) return undefined;
  const f = FEATURES[maker.layer.name];
  const size = f && sizeOfArg(maker, f.makes);
  const written = f?.makes === undefined ? undefined : maker.written.get(f.makes);
  if (size === undefined || !written || !eqDim(size, axisSize)) return undefined;
  return label(written.span, `${maker.name} makes ${showDim(size)} ${f.noun}`);
}

/**
 * Reports (MPT0203) a tensor whose features are not those that a layer takes; true where it does. The first of the
 * layer's inputs is the one that has them.
 */
export function refuseFeatures(
  ck: Checker,
  env: Env,
  layer: LayerInstance,
  arg: CallArg,
  node: Node,
): boolean {
  const f = FEATURES[layer.layer.name];
  const taken = f && sizeOfArg(layer, f.takes);
  if (!f || taken === undefined) return false;
  const shape = node.type.shape;
  const axis = f.axis < 0 ? shape.length + f.axis : f.axis;
  const found = shape[axis];
  if (found === undefined || eqDim(found, taken)) return false;
  if (mayEqual(env, found, taken)) return true;
  const expected = shape.map((d, i) => i === axis ? taken : d);
  const maker = makerOf(ck, node);
  const made = makes(maker, found);
  const written = layer.written.get(f.takes!);
  ck.report.error("MPT0203", {
    message: maker && made
      ? `the output of ${maker.name} does not fit ${layer.name}`
      : `this does not fit ${layer.name}`,
    labels: [
      label(arg.span, `given ${showOpen(node.type)}`),
      ...(made ? [made] : []),
      ...(written ? [label(written.span, `${layer.name} takes ${showDim(taken)}`)] : []),
    ],
    expected: showOpen(node.type, expected),
    found: showOpen(node.type),
    edit: flattened(env, layer, arg, node, taken) ??
      (written && layer.item
        ? refit(env, layer, layer.item, written, found, f, made && maker, node)
        : undefined),
  });
  return true;
}

/** Where everything but the first axis together makes the features: flatten. */
function flattened(env: Env, layer: LayerInstance, arg: CallArg, node: Node, taken: Dim): Edit | undefined {
  const { shape } = node.type;
  if (layer.layer.name !== "Linear" || shape.length < 3 || !shape.slice(1).every(isBound)) return undefined;
  if (!eqDim(sizeOf(shape.slice(1)), taken)) return undefined;
  const help = `flatten it first: ${showShape(shape.slice(1))} makes ${showDim(taken)} features`;
  return arg.piped
    ? insert(help, arg.span.file, arg.span.start, "flatten |> ")
    : wrap(help, env.module.source, arg.expr.span, "flatten(", ")");
}

/** Another size for the layer, in the words of the layer before it where both stand in one model. */
function refit(
  env: Env,
  layer: LayerInstance,
  item: LayerItem,
  written: Expr,
  found: Dim,
  f: Features,
  maker: LayerInstance | undefined,
  node: Node,
): Edit | undefined {
  if (written.kind !== "number" || written.span.file !== env.module.source.file) return undefined;
  const text = env.module.source.text;
  const source = maker && maker.parent === layer.parent && f.noun === FEATURES[maker.layer.name].noun
    ? maker.written.get(FEATURES[maker.layer.name].makes!)
    : undefined;
  const size = source && isSimple(source)
    ? text.slice(source.span.start, source.span.end)
    : typeof found === "number"
    ? String(found)
    : undefined;
  // Other arguments may hang on this one.
  if (size === undefined || node.type.shape.length === 0) return undefined;
  const callee = item.callee.text;
  const args = item.args.map((a) =>
    a.value === written
      ? `${a.name ? `${a.name.text}: ` : ""}${size}`
      : text.slice(a.span.start, a.span.end).replace(/\s+/g, " ")
  );
  return {
    help: `make ${layer.name} take ${size} ${f.noun}:  ${callee}(${args.join(", ")})`,
    replacements: [{ span: written.span, text: size }],
  };
}

function isSimple(e: Expr): boolean {
  return e.kind === "number" || e.kind === "name";
}

/** A tensor given to a declared input. */
export interface Misfit {
  readonly name: string;
  readonly arg: CallArg;
  readonly node: Node;
  /** The declared type with what is known of its dims. */
  readonly expected: string;
  readonly declared: Span;
  /** The rank is right and only sizes differ. */
  readonly whole: boolean;
}

/** Reports (MPT0204) a tensor whose shape is not that of the input it is given to. */
export function describeFit(ck: Checker, callee: string, m: Misfit): void {
  const maker = makerOf(ck, m.node);
  const last = m.node.type.shape.at(-1);
  const made = last === undefined ? undefined : makes(maker, last);
  const found = showOpen(m.node.type);
  ck.report.error("MPT0204", {
    message: maker
      ? `the output of ${maker.name} does not fit ${callee}`
      : `this does not fit ${m.name} of ${callee}`,
    labels: [
      label(m.arg.span, `given ${found}`),
      ...(made ? [made] : []),
      label(m.declared, `${m.name} of ${callee} is ${m.expected}`),
    ],
    expected: m.expected,
    found,
    help: m.whole ? undefined : rankHelp(m),
  });
}

function rankHelp(m: Misfit): string {
  const have = m.node.type.shape.length;
  return `this has ${have === 0 ? "no axes" : have === 1 ? "1 axis" : `${have} axes`}: ${
    showShape(m.node.type.shape)
  }`;
}
