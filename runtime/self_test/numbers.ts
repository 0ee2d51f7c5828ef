import { bf16Bits, f16Bits, f32Bits, fromF16Bits, fromF32Bits } from "../../compiler/core/round.ts";
import type { Experiment, Finding, Remedy } from "./check.ts";
import type { Target } from "../../compiler/core/target.ts";
import { AVOID_F16, AVOID_INFINITE_HALVES, AVOID_UNPACK, compare, hex, NOTE, REFUSE } from "./check.ts";

const INPUTS = `
@group(0) @binding(0) var<storage, read> input: array<u32>;
@group(0) @binding(1) var<storage, read_write> output: array<u32>;
`;

/** Integers in a fixed pseudo-random order. */
export function pseudoRandom(count: number, seed: number): Uint32Array {
  const out = new Uint32Array(count);
  let state = seed >>> 0;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = (state ^ (state >>> 13)) >>> 0;
  }
  return out;
}

const TINY = 2 ** -24;

/** f32 values that f16 must round to nearest even without overflow: ties, neighbours of ties, subnormals, extremes. */
const HALVES: readonly number[] = [
  ...[
    0,
    -0,
    1,
    -1,
    0.1,
    1 / 3,
    65504,
    -65504,
    65519.9,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    1 + 2 ** -11 + 2 ** -23,
  ],
  ...[2048.5, 2049.5, 2 ** -14, 2 ** -14 - 2 ** -26, -(2 ** -14) * 1.0005],
  ...[TINY, 1.5 * TINY, 2.5 * TINY, 0.5 * TINY, 0.5000001 * TINY, 1023.5 * TINY, 700.25 * TINY, -3 * TINY],
  ...[...pseudoRandom(39, 7)].map((r) => ((r & 0xffff) / 0x8000 - 1) * 2 ** ((r >>> 16) % 30 - 14)),
].map(Math.fround);

/** f32 bits that bf16 must round: ties, carries into the exponent, infinities, and the NaN that integers would lose. */
const BRAINS: readonly number[] = [
  ...[0x3f800000, 0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff, 0x7f7f7fff, 0x007fffff, 0x80000001],
  ...[0x7f800000, 0xff800000, 0x7f800001, 0x7fffffff, 0xffffffff, 0x7fc00000, 0x3fffffff, 0xbfff8000],
  ...[...pseudoRandom(48, 11)].map((r) => (r & 0x7f800000) === 0x7f800000 ? r & 0xbfffffff : r),
].map((b) => b >>> 0);

const COUNT = 64;

const isSubnormalHalf = (h: number) => (h & 0x7c00) === 0 && (h & 0x3ff) !== 0;

function roundToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

/** What every device must do, and what packed f16 rests on: rounding a subnormal as a multiple of 2^-24. */
export function bitsExperiment({ quirks }: Target): Experiment {
  const input = new Uint32Array(3 * COUNT);
  for (let i = 0; i < COUNT; i++) {
    input[i] = f32Bits(HALVES[i]);
    input[COUNT + i] = BRAINS[i];
    input[2 * COUNT + i] = f16Bits(HALVES[i]);
  }
  const code = `${INPUTS}
fn bf16_of(b: u32) -> u32 {
  if ((b & 0x7fffffffu) > 0x7f800000u) { return 0x7fc0u; }
  return ((b + 0x7fffu + ((b >> 16u) & 1u)) >> 16u) & 0xffffu;
}
@compute @workgroup_size(${COUNT}) fn main(@builtin(local_invocation_index) i: u32) {
  let x = bitcast<f32>(input[i]);
  output[i] = pack2x16float(vec2<f32>(0.25, x));
  output[${COUNT}u + i] = bf16_of(input[${COUNT}u + i]);
  output[${2 * COUNT}u + i] = bitcast<u32>(unpack2x16float(input[${2 * COUNT}u + i] << 16u).y);
  let wide = bitcast<f32>(input[${COUNT}u + i] & 0xffff0000u);
  output[${3 * COUNT}u + i] = bitcast<u32>(wide * 1.0);
  output[${4 * COUNT}u + i] = bitcast<u32>(round(x * 16777216.0) * 5.9604645e-8);
}`;
  return {
    name: "bits",
    code,
    input,
    outputWords: 5 * COUNT,
    workgroups: 1,
    remedy: REFUSE,
    judge(output) {
      const packed = Array.from({ length: COUNT }, (_, i) => ({
        input: String(HALVES[i]),
        expected: f16Bits(HALVES[i]),
        actual: output[i] >>> 16,
      }));
      const normal = packed.filter((p) => !isSubnormalHalf(p.expected));
      const subnormal = packed.filter((p) => isSubnormalHalf(p.expected));
      const unpacked = Array.from({ length: COUNT }, (_, i) => ({
        input: hex(f16Bits(HALVES[i]), 4),
        expected: f32Bits(fromF16Bits(f16Bits(HALVES[i]))),
        actual: output[2 * COUNT + i],
      }));
      const list = (name: string, remedy: Remedy, rows: typeof packed, good: string) =>
        compare(name, remedy, rows.length, (i) => rows[i], good);
      const rounded = HALVES.map((x, i) => ({
        input: `${x} to a multiple of 2^-24`,
        expected: f32Bits(roundToEven(x / TINY) * TINY),
        actual: output[4 * COUNT + i],
      }));
      return [
        list("round()", REFUSE, rounded, "to nearest, ties to even"),
        list("pack2x16float rounding", NOTE, normal, "to nearest, ties to even"),
        list("pack2x16float subnormals", NOTE, subnormal, "kept"),
        list("unpack2x16float", quirks.exactUnpack ? AVOID_UNPACK : NOTE, unpacked, "exact, subnormals kept"),
        compare("bf16 by integers", REFUSE, COUNT, (i) => ({
          input: hex(BRAINS[i]),
          expected: bf16Bits(fromF32Bits(BRAINS[i])),
          actual: output[COUNT + i],
        }), "to nearest, ties to even; NaN stays NaN"),
        widening(output.subarray(3 * COUNT, 4 * COUNT)),
      ];
    },
  };
}

/** bf16 to f32: exact for normal numbers; an f32 subnormal may be flushed, which WGSL allows and training survives. */
function widening(output: Uint32Array): Finding {
  const normal = BRAINS.map((b, i) => ({ bits: (b & 0xffff0000) >>> 0, actual: output[i] }))
    .filter(({ bits }) => (bits & 0x7f800000) !== 0 && (bits & 0x7f800000) !== 0x7f800000);
  return compare("bf16 widening", REFUSE, normal.length, (i) => ({
    input: hex(normal[i].bits),
    expected: normal[i].bits,
    actual: normal[i].actual,
  }), "exact");
}

/** Pairs whose product or difference is not finite, or is too large for f16, and pairs where all is well. */
const EVENTS: readonly { a: number; b: number; op: 0 | 1; bad: boolean; text: string }[] = [
  { a: 3e38, b: 10, op: 0, bad: true, text: "3e38 * 10" },
  { a: -3e38, b: 10, op: 0, bad: true, text: "-3e38 * 10" },
  { a: Infinity, b: 0, op: 0, bad: true, text: "inf * 0" },
  { a: Infinity, b: Infinity, op: 1, bad: true, text: "inf - inf" },
  { a: NaN, b: 1, op: 0, bad: true, text: "NaN * 1" },
  { a: 3.4e38, b: -3.4e38, op: 1, bad: true, text: "3.4e38 + 3.4e38" },
  { a: 256, b: 256, op: 0, bad: true, text: "65536 as f16" },
  { a: 65520, b: 1, op: 0, bad: true, text: "65520 as f16" },
  { a: 65519.5, b: 1, op: 0, bad: false, text: "65519.5 as f16" },
  { a: -65504, b: 1, op: 0, bad: false, text: "-65504 as f16" },
  { a: 1, b: 1, op: 1, bad: false, text: "1 - 1" },
  { a: 1e-30, b: 1e-30, op: 0, bad: false, text: "1e-30 * 1e-30" },
];

/** Overflow and NaN are seen by looking at bits, in the register that made them and again in memory. */
export function overflowExperiment(): Experiment {
  const n = EVENTS.length;
  const input = new Uint32Array(3 * n);
  EVENTS.forEach((e, i) => input.set([f32Bits(e.a), f32Bits(e.b), e.op], 3 * i));
  const code = `${INPUTS}
@compute @workgroup_size(1) fn main(@builtin(workgroup_id) id: vec3<u32>) {
  let i = id.x;
  let a = bitcast<f32>(input[3u * i]);
  let b = bitcast<f32>(input[3u * i + 1u]);
  var y = a * b;
  if (input[3u * i + 2u] == 1u) { y = a - b; }
  output[i] = select(0u, 1u, (bitcast<u32>(y) & 0x7fffffffu) >= 0x477ff000u);
  output[${n}u + i] = bitcast<u32>(y);
}`;
  return {
    name: "overflow",
    code,
    input,
    outputWords: 2 * n,
    workgroups: n,
    remedy: REFUSE,
    judge: (output) => [
      compare("overflow seen in registers", REFUSE, n, (i) => ({
        input: EVENTS[i].text,
        expected: EVENTS[i].bad ? 1 : 0,
        actual: output[i],
      }), "every non-finite value and every f16 overflow"),
      compare("overflow seen in memory", REFUSE, n, (i) => ({
        input: EVENTS[i].text,
        expected: EVENTS[i].bad ? 1 : 0,
        actual: (output[n + i] & 0x7fffffff) >= 0x477ff000 ? 1 : 0,
      }), "every non-finite value and every f16 overflow"),
    ],
  };
}

/** What f16 cannot hold; a NaN is the last. */
const TOO_LARGE = [65520, -65520, 70000, -131008, 1e10, -3e38, Infinity, -Infinity, NaN].map(Math.fround);

/** Native f16: storage, conversion both ways, and what its arithmetic does. */
export function f16Experiment(): Experiment {
  const input = new Uint32Array(2 * COUNT + TOO_LARGE.length);
  TOO_LARGE.forEach((x, i) => input[2 * COUNT + i] = f32Bits(x));
  for (let i = 0; i < COUNT; i++) {
    input[i] = f32Bits(HALVES[i]);
    input[COUNT + i] = f16Bits(HALVES[i]) | (f16Bits(1.5) << 16);
  }
  // Typed f16 bindings, as kernels have them: naga has no bitcast between vec2<f16> and u32.
  const code = `enable f16;
struct Input { wide: array<f32, ${COUNT}>, pairs: array<vec2<f16>, ${COUNT}>, large: array<f32, ${TOO_LARGE.length}> }
struct Output {
  narrow: array<vec2<f16>, ${COUNT}>,
  wide: array<f32, ${COUNT}>,
  math: array<vec2<f16>, ${COUNT}>,
  large: array<vec2<f16>, ${TOO_LARGE.length}>,
}
@group(0) @binding(0) var<storage, read> input: Input;
@group(0) @binding(1) var<storage, read_write> output: Output;
var<workgroup> staged: array<f16, ${COUNT}>;
@compute @workgroup_size(${COUNT}) fn main(@builtin(local_invocation_index) i: u32) {
  staged[${COUNT - 1}u - i] = f16(input.wide[i]);
  workgroupBarrier();
  output.narrow[i] = vec2<f16>(staged[${COUNT - 1}u - i], 1.0h);
  let pair = input.pairs[i];
  output.wide[i] = f32(pair.x);
  output.math[i] = vec2<f16>(pair.x * pair.y, pair.x + pair.y);
  if (i < ${TOO_LARGE.length}u) { output.large[i] = vec2<f16>(f16(input.large[i]), f16(input.wide[i])); }
}`;
  return {
    name: "f16",
    code,
    input,
    outputWords: 3 * COUNT + TOO_LARGE.length,
    workgroups: 1,
    remedy: AVOID_F16,
    judge(output) {
      const rows = Array.from({ length: COUNT }, (_, i) => {
        const half = f16Bits(HALVES[i]);
        return { text: String(HALVES[i]), half, value: fromF16Bits(half), i };
      });
      const narrow = (name: string, keep: (h: number) => boolean, good: string) => {
        const kept = rows.filter((r) => keep(r.half));
        return compare(name, AVOID_F16, kept.length, (k) => ({
          input: kept[k].text,
          expected: kept[k].half,
          actual: output[kept[k].i] & 0xffff,
        }), good);
      };
      return [
        narrow("f16 rounding", (h) => !isSubnormalHalf(h), "to nearest, ties to even"),
        narrow("f16 subnormals", isSubnormalHalf, "kept"),
        compare("f16 to f32", AVOID_F16, COUNT, (i) => ({
          input: hex(rows[i].half, 4),
          expected: f32Bits(rows[i].value),
          actual: output[COUNT + i],
        }), "exact, subnormals kept"),
        arithmetic(rows, output.subarray(2 * COUNT)),
        overflowing(output.subarray(3 * COUNT)),
      ];
    },
  };
}

/** Contractions saturate two halves at a time after their conversion, by taking one from an infinity's code. */
function overflowing(output: Uint32Array): Finding {
  return compare("f16 overflow", AVOID_INFINITE_HALVES, TOO_LARGE.length, (i) => {
    const x = TOO_LARGE[i], half = output[i] & 0xffff, largest = f16Bits(x);
    const holds = Number.isNaN(x) ? (half & 0x7fff) > 0x7c00 : half === largest + 1;
    return { input: String(x), expected: largest, actual: holds ? largest : half };
  }, "an infinity, or the largest value; NaN stays NaN");
}

/** Kernels compute in f32, so this is for the reader; a product or sum far from right still condemns the type. */
function arithmetic(rows: readonly { half: number; value: number }[], output: Uint32Array): Finding {
  let inexact = 0;
  for (let i = 0; i < COUNT; i++) {
    const { half, value } = rows[i];
    const product = value * 1.5;
    const sum = value + 1.5;
    if (isSubnormalHalf(half) || Math.abs(product) > 65504) continue;
    const got = [fromF16Bits(output[i] & 0xffff), fromF16Bits(output[i] >>> 16)];
    for (const [k, want] of [product, sum].entries()) {
      if (!(Math.abs(got[k] - want) <= Math.max(Math.abs(want) * 2 ** -10, TINY))) {
        const detail = `${value} ${k ? "+" : "*"} 1.5 gave ${got[k]}`;
        return { check: "f16 arithmetic", ok: false, detail, remedy: AVOID_F16 };
      }
      if (got[k] !== fromF16Bits(f16Bits(want))) inexact++;
    }
  }
  const detail = inexact ? `right within one unit, ${inexact} of ${2 * COUNT} not nearest` : "to nearest";
  return { check: "f16 arithmetic", ok: true, detail, remedy: AVOID_F16 };
}
