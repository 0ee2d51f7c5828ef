import type { TypedInput } from "./check/typed.ts";
import type { InputSpec, Interface } from "./core/program.ts";
import { bound, showDim } from "./core/shape.ts";
import type { Plan } from "./pipeline.ts";

const specOf = (i: TypedInput): InputSpec => ({
  name: i.name,
  dtype: i.dtype,
  shape: i.shape.map((d) => typeof d === "number" ? d : showDim(d)),
});

/** What a host needs to know of a planned program. */
export function interfaceOf({ program, scaling }: Plan): Interface {
  const { train } = program;
  const total = train?.schedule?.args.total;
  return {
    model: program.model,
    batch: (train?.batch ?? []).map(specOf),
    inputs: program.forward.inputs.map(specOf),
    metrics: (train?.metrics ?? []).map((m) => m.name),
    accumulate: train?.accumulate ?? 1,
    lossScaling: scaling?.kind ?? "none",
    ...(typeof total === "number" ? { totalSteps: total } : {}),
    params: program.params.map((p) => ({ path: p.path, dtype: p.dtype, shape: bound(p.shape) })),
  };
}
