import type { Kind } from "../../compiler/core/dtype.ts";
import { f32Bits } from "../../compiler/core/round.ts";

/** The largest finite f32, exactly. */
export const F32_MAX = 3.4028234663852886e38;

/**
 * A WGSL literal that denotes exactly `value`. WGSL has no infinities: they become the largest finite values; NaN has
 * no literal (see `NAN_TEXT`).
 */
export function literal(kind: Kind, value: number): string {
  switch (kind) {
    case "bool":
      return value ? "true" : "false";
    case "u32":
      return `${value >>> 0}u`;
    case "i32":
      return value === -2147483648 ? "bitcast<i32>(0x80000000u)" : `${value | 0}`;
    case "f32":
      return floatLiteral(value);
  }
}

/** Read from memory, since a constant expression that is NaN is an error. Needs the helper `not_a_number`. */
export const NAN_TEXT = "bitcast<f32>(not_a_number)";

function floatLiteral(value: number): string {
  if (Number.isNaN(value)) return NAN_TEXT;
  const x = Math.min(F32_MAX, Math.max(-F32_MAX, Math.fround(value)));
  // Shader compilers differ on subnormal literals and on the sign of zero.
  if (Object.is(x, -0) || (x !== 0 && Math.abs(x) < 2 ** -126)) {
    return `bitcast<f32>(0x${f32Bits(x).toString(16)}u)`;
  }
  // The shortest decimal; one that only rounds to the largest value is beyond what WGSL takes.
  for (let digits = 1; digits <= 9; digits++) {
    const text = x.toPrecision(digits);
    if (Math.fround(Number(text)) === x && Math.abs(Number(text)) <= F32_MAX) return `${tidy(text)}f`;
  }
  return `${tidy(String(x))}f`;
}

/** `1.50e+3` → `1500`, `0.250` → `0.25`: the shortest of JavaScript's own spellings of the same decimal. */
function tidy(text: string): string {
  return String(Number(text)).replace("e+", "e");
}
