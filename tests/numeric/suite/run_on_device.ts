import { byteSize } from "../../../compiler/core/dtype.ts";
import { encode } from "../../../compiler/core/round.ts";
import { bound } from "../../../compiler/core/shape.ts";
import type { EmitOptions } from "../../../compiler/emit/emit.ts";
import { emit, layoutState } from "../../../compiler/emit/emit.ts";
import type { Graph } from "../../../compiler/ir/graph.ts";
import type { RefTensor } from "../../../compiler/ir/op.ts";
import { withShaders } from "../../../compiler/specialise.ts";
import { slotsOf } from "../../support/compare_graph.ts";
import type { RunOutput } from "../../support/run_program.ts";
import type { Rig } from "./on_device.ts";
import { numbers } from "./on_device.ts";

/**
 * Runs a graph once on the device of a test, from inputs and state slots by name (a slot that is not given is 0).
 * The graph is ready to emit: casts explicit, dims bound, composites expanded.
 */
export async function runOnDevice(
  { device: { target }, executor }: Rig,
  graph: Graph,
  feeds: ReadonlyMap<string, RefTensor>,
  options: Pick<EmitOptions, "fuse"> = {},
): Promise<RunOutput> {
  const slots = slotsOf(graph), layout = layoutState(slots);
  const emitted = emit(graph, { entry: "predict", dims: {}, target, state: layout, ...options });
  const program = withShaders(emitted, target);
  const state = await executor.createState(layout);
  try {
    for (const { name } of slots) if (feeds.has(name)) state.write(name, hostBytesOf(feeds.get(name)!));
    const prepared = await executor.prepare(program, state);
    await prepared.run(
      Object.fromEntries(program.inputs.map(({ name }) => [name, hostBytesOf(feeds.get(name)!)])),
    );
    type Typed = Pick<RefTensor, "dtype" | "shape">;
    const read = async (name: string, { dtype, shape }: Typed, bytes: Promise<Uint8Array>) => {
      const tensor = { dtype, shape, data: numbers({ dtype, shape, data: await bytes }) };
      return [name, tensor] as const;
    };
    const results = graph.outputs.filter((o) => o.kind === "result").map(({ name, node: { type } }) =>
      read(name, { dtype: type.dtype, shape: bound(type.shape) }, prepared.read(name))
    );
    const after = slots.map((s) => read(s.name, { ...s, shape: bound(s.shape) }, state.read(s.name)));
    return { results: new Map(await Promise.all(results)), state: new Map(await Promise.all(after)) };
  } finally {
    state.destroy();
  }
}

/** A tensor's bytes as the host gives them: unpadded, in its dtype. */
function hostBytesOf({ dtype, data }: RefTensor): Uint8Array {
  const size = byteSize(dtype);
  const bytes = new Uint8Array(data.length * size), view = new DataView(bytes.buffer);
  data.forEach((x, i) => {
    const code = encode(x, dtype);
    if (size === 4) view.setUint32(4 * i, code, true);
    else if (size === 2) view.setUint16(2 * i, code, true);
    else view.setUint8(i, code);
  });
  return bytes;
}
