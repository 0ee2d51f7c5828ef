import type { SubgroupMatrixShape, Target } from "../../compiler/core/target.ts";
import { f16Bits } from "../../compiler/core/round.ts";
import type { Experiment, Finding, Remedy } from "./check.ts";
import { AVOID_SUBGROUPS, compare, REFUSE } from "./check.ts";
import { pseudoRandom } from "./numbers.ts";

const BUFFERS = `
@group(0) @binding(0) var<storage, read> input: array<u32>;
@group(0) @binding(1) var<storage, read_write> output: array<u32>;
`;

const LANES = 64;

/** Workgroup memory across barriers, and the two atomics that overflow detection rests on. */
export function memoryExperiment(): Experiment {
  const groups = 4;
  const input = pseudoRandom(groups * LANES, 3);
  const magnitude = groups * LANES;
  const code = `
@group(0) @binding(0) var<storage, read> input: array<u32>;
@group(0) @binding(1) var<storage, read_write> output: array<atomic<u32>>;
var<workgroup> tile: array<u32, ${LANES}>;
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
  let word = input[group.x * ${LANES}u + i];
  tile[i] = word;
  workgroupBarrier();
  var sum = 0u;
  for (var k = 0u; k < ${LANES}u; k++) { sum += tile[(i + k) % ${LANES}u] * (k + 1u); }
  workgroupBarrier();
  tile[i] = sum;
  workgroupBarrier();
  atomicStore(&output[group.x * ${LANES}u + i], tile[${LANES - 1}u - i]);
  if (word % 16u == 0u) { atomicOr(&output[${magnitude}u], 1u << group.x); }
  atomicMax(&output[${magnitude + 1}u], word & 0x7fffffffu);
}`;
  return {
    name: "memory",
    code,
    input,
    outputWords: magnitude + 2,
    workgroups: groups,
    remedy: REFUSE,
    judge(output) {
      const expected = new Uint32Array(magnitude);
      let flags = 0;
      let largest = 0;
      for (let g = 0; g < groups; g++) {
        const tile = input.subarray(g * LANES, (g + 1) * LANES);
        for (let i = 0; i < LANES; i++) {
          let sum = 0;
          for (let k = 0; k < LANES; k++) sum = (sum + Math.imul(tile[(i + k) % LANES], k + 1)) >>> 0;
          expected[g * LANES + LANES - 1 - i] = sum;
          if (tile[i] % 16 === 0) flags |= 1 << g;
          largest = Math.max(largest, tile[i] & 0x7fffffff);
        }
      }
      const atomics = [[flags, "atomicOr"], [largest, "atomicMax"]] as const;
      return [
        compare("workgroup memory and barriers", REFUSE, magnitude, (i) => ({
          input: `invocation ${i}`,
          expected: expected[i],
          actual: output[i],
        }), "in order"),
        compare("atomics", REFUSE, 2, (i) => ({
          input: atomics[i][1],
          expected: atomics[i][0],
          actual: output[magnitude + i],
        }), "no update lost"),
      ];
    },
  };
}

/** The size that kernels see, and sums across full subgroups. */
export function subgroupExperiment(claimed: { readonly min: number; readonly max: number }): Experiment {
  const lanes = Math.max(LANES, claimed.max);
  const code = `enable subgroups;
${BUFFERS}
@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_index) i: u32, @builtin(subgroup_size) size: u32,
        @builtin(subgroup_invocation_id) lane: u32) {
  output[4u * i] = size;
  output[4u * i + 1u] = subgroupAdd(1u) + input[0];
  output[4u * i + 2u] = subgroupAdd(lane);
  output[4u * i + 3u] = bitcast<u32>(subgroupMax(f32(lane)));
}`;
  return {
    name: "subgroups",
    code,
    input: new Uint32Array(1),
    outputWords: 4 * lanes,
    workgroups: 1,
    remedy: AVOID_SUBGROUPS,
    judge(output) {
      const view = new Float32Array(output.buffer, output.byteOffset, output.length);
      const check = "subgroups";
      const range = claimed.min === claimed.max ? `${claimed.max}` : `${claimed.min} to ${claimed.max}`;
      const sizes = new Set<number>();
      for (let i = 0; i < lanes; i++) {
        const [size, count, sum] = output.subarray(4 * i, 4 * i + 3);
        sizes.add(size);
        const right = size >= claimed.min && size <= claimed.max && count === size &&
          sum === size * (size - 1) / 2 && view[4 * i + 3] === size - 1;
        if (right) continue;
        const detail = `claimed ${range}: size ${size} counted ${count} lanes, summed them to ${sum}`;
        return [{ check, ok: false, detail, remedy: AVOID_SUBGROUPS }];
      }
      return [{
        check,
        ok: true,
        detail: `size ${[...sizes].join(", ")} of ${range}`,
        remedy: AVOID_SUBGROUPS,
      }];
    },
  };
}

const BYTES = { f16: 2, f32: 4, i8: 1, u8: 1 } as const;

/**
 * The matrix shapes worth testing: for each operand type the largest whose rows are whole 16 bytes in either order, and
 * only with results wide enough to accumulate in.
 */
export function testedShapes(claimed: readonly SubgroupMatrixShape[]): SubgroupMatrixShape[] {
  const best = new Map<string, SubgroupMatrixShape>();
  const volume = (s: SubgroupMatrixShape) => s.M * s.N * s.K;
  for (const shape of claimed) {
    const bytes = BYTES[shape.component];
    const loadable = [shape.M, shape.N, shape.K].every((extent) => extent * bytes % 16 === 0);
    if (shape.result === "f16" || !loadable) continue;
    const known = best.get(shape.component);
    if (!known || volume(shape) > volume(known)) best.set(shape.component, shape);
  }
  return [...best.values()];
}

/**
 * One product of each tested shape from row-major and again from column-major operands, with small integers, so every
 * correct result is exact. Different M, N, K and asymmetric data show operands that are swapped or transposed.
 */
export function matrixExperiment(shape: SubgroupMatrixShape, subgroup: number): Experiment {
  const { component, result, M, N, K } = shape;
  const signed = component !== "u8";
  const size = BYTES[component];
  const a = [...pseudoRandom(M * K, 5)].map((r) => r % 7 - (signed ? 3 : 0));
  const b = [...pseudoRandom(K * N, 9)].map((r) => r % 5 - (signed ? 2 : 0));
  const at = Array.from({ length: K * M }, (_, i) => a[(i % M) * K + Math.floor(i / M)]);
  const bt = Array.from({ length: N * K }, (_, i) => b[(i % K) * N + Math.floor(i / K)]);
  const parts = [a, b, at, bt].map((values) => pack(values, component));
  const offsets = parts.map((_, i) => parts.slice(0, i).reduce((n, p) => n + p.length, 0));
  const input = new Uint32Array(parts.reduce((n, p) => n + p.length, 0));
  parts.forEach((p, i) => input.set(p, offsets[i]));
  const vectors = input.length / 4;
  const load = (
    side: "left" | "right",
    part: number,
    order: "row" | "col",
    columns: number,
    rows: number,
  ) => {
    const run = (order === "row" ? columns : rows) * size / 16;
    const type = `subgroup_matrix_${side}<${component}, ${columns}, ${rows}>`;
    return `subgroupMatrixLoad<${type}, ${order}_major>(&staged, ${offsets[part] / 4}u, ${run}u)`;
  };
  const code = `${component === "f16" ? "enable f16;\n" : ""}enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
@group(0) @binding(0) var<storage, read> input: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> output: array<${result}>;
var<workgroup> staged: array<vec4<u32>, ${vectors}>;
@compute @workgroup_size(${subgroup}) fn main(@builtin(local_invocation_index) i: u32) {
  for (var k = i; k < ${vectors}u; k += ${subgroup}u) { staged[k] = input[k]; }
  workgroupBarrier();
  var c: subgroup_matrix_result<${result}, ${N}, ${M}>;
  var d: subgroup_matrix_result<${result}, ${N}, ${M}>;
  c = subgroupMatrixMultiplyAccumulate(${load("left", 0, "row", K, M)}, ${load("right", 1, "row", N, K)}, c);
  d = subgroupMatrixMultiplyAccumulate(${load("left", 2, "col", K, M)}, ${load("right", 3, "col", N, K)}, d);
  subgroupMatrixStore<row_major>(&output, 0u, c, ${N}u);
  subgroupMatrixStore<row_major>(&output, ${M * N}u, d, ${N}u);
}`;
  const name = `${component} to ${result} ${M}x${N}x${K}`;
  const remedy: Remedy = {
    kind: "avoid",
    how: "these matrix units are not used",
    change: (target) => withoutComponent(target, component),
  };
  return {
    name: `matrix ${name}`,
    code,
    input,
    outputWords: 2 * M * N,
    workgroups: 1,
    remedy,
    judge(output): Finding[] {
      const product = (i: number) => {
        const [row, column] = [Math.floor(i / N), i % N];
        let sum = 0;
        for (let k = 0; k < K; k++) sum += a[row * K + k] * b[k * N + column];
        return sum;
      };
      const word = new DataView(output.buffer, output.byteOffset);
      const actual = (i: number) =>
        result === "f32" ? word.getFloat32(4 * i, true) : word.getInt32(4 * i, true);
      return [compare(`matrix ${name}`, remedy, 2 * M * N, (i) => ({
        input: `${i < M * N ? "row" : "column"}-major element ${i % (M * N)}`,
        expected: product(i % (M * N)),
        actual: actual(i),
      }), "exact from row-major and column-major operands")];
    },
  };
}

function withoutComponent(target: Target, component: string): Target {
  return { ...target, subgroupMatrix: target.subgroupMatrix.filter((s) => s.component !== component) };
}

function pack(values: readonly number[], component: SubgroupMatrixShape["component"]): Uint32Array {
  switch (component) {
    case "f16":
      return new Uint32Array(Uint16Array.from(values, f16Bits).buffer);
    case "f32":
      return new Uint32Array(Float32Array.from(values).buffer);
    case "i8":
      return new Uint32Array(Int8Array.from(values).buffer);
    case "u8":
      return new Uint32Array(Uint8Array.from(values).buffer);
  }
}
