import type { DType } from "../compiler/core/dtype.ts";
import { byteSize, isFloat } from "../compiler/core/dtype.ts";
import type { HostTensor } from "../compiler/core/program.ts";
import { mulberry32 } from "../runtime/batch.ts";
import type { Weights } from "./variant.ts";

/** Bits of a stored significand. */
const SIGNIFICAND: Partial<Record<DType, number>> = { f32: 23, f16: 10, bf16: 7, f8e4m3: 3, f8e5m2: 2 };

/**
 * The weights with about as much noise as f32 rounding makes: an f32 one goes up or down by its last bit, a narrower
 * one now and then, as often as rounding would carry that bit into its own. Zeros stay, and so does what is not finite.
 */
export function nudge(weights: Weights, seed: number): Weights {
  const random = mulberry32(seed);
  return new Map([...weights].map(([path, tensor]) => [path, nudgeTensor(tensor, random)]));
}

function nudgeTensor(tensor: HostTensor, random: () => number): HostTensor {
  const { dtype } = tensor;
  if (!isFloat(dtype)) return tensor;
  const data = tensor.data.slice();
  const size = byteSize(dtype);
  const codes = size === 4
    ? new Uint32Array(data.buffer)
    : size === 2
    ? new Uint16Array(data.buffer)
    : new Uint8Array(data.buffer);
  const significand = SIGNIFICAND[dtype]!;
  const often = 2 ** (significand - 23);
  const sign = 2 ** (8 * size - 1);
  // The largest finite number: a step up would leave the finite ones.
  const limit = dtype === "f8e4m3" ? 0x7e : ((sign - 1) >>> significand) * 2 ** significand - 1;
  for (let i = 0; i < codes.length; i++) {
    const r = random();
    const magnitude = codes[i] % sign;
    if (r >= often || magnitude === 0 || magnitude >= limit) continue;
    codes[i] += r < often / 2 ? 1 : -1;
  }
  return { ...tensor, data };
}
