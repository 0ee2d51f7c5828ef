import type { Kernel } from "../../compiler/core/kernel.ts";
import type { Program, StateLayout, View } from "../../compiler/core/program.ts";

/** Hand-written Programs for tests of the executor: their shaders need no compiler. */

function kernel(
  name: string,
  bindings: readonly ["read" | "read_write", "f32" | "u32" | "u8", readonly number[]][],
  body: string,
): Kernel {
  const declared = bindings.map(([access, dtype], i) =>
    `@group(0) @binding(${i}) var<storage, ${access}> b${i}: array<${dtype === "f32" ? "f32" : "u32"}>;`
  ).join("\n");
  return {
    name,
    family: "map",
    shape: [1],
    stores: [],
    fuses: [],
    bindings: bindings.map(([access, dtype, shape], i) => ({ name: `b${i}`, dtype, access, shape })),
    shader: {
      code: `${declared}\n@compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
        let i = id.x;\n${body}\n}`,
      workgroups: [1, 1, 1],
      workgroupSize: [4, 1, 1],
      variant: "plain",
    },
  };
}

export const LAYOUT: StateLayout = {
  buffers: [{ name: "state", bytes: 512 }],
  slots: [
    { name: "total", dtype: "f32", shape: [4], buffer: "state", offset: 0, bytes: 16 },
    { name: "count", dtype: "u32", shape: [], buffer: "state", offset: 256, bytes: 4 },
    { name: "bytes", dtype: "u8", shape: [2, 3], buffer: "state", offset: 264, bytes: 8 },
  ],
};

const [STATE, X, SUMS, SCALARS, ECHO] = [0, 1, 2, 3, 4];
const view = (buffer: number, offset: number, bytes: number): View => ({ buffer, offset, bytes });

/**
 * `x` is u8[4, 3]. A run adds the sums of its rows to `total`, counts itself in `count`, and gives the scalars `loss`
 * (the sum of `total`, f32) and `runs` (u32), and `echo`, a copy of x.
 */
export function accumulate(options: { readonly tempBytes?: number } = {}): Program {
  const tempBytes = options.tempBytes ?? 256;
  const tensors = {
    x: { name: "x", dtype: "u8", shape: [4, 3], view: view(X, 0, 16) },
    echo: { name: "echo", dtype: "u8", shape: [4, 3], view: view(ECHO, 0, 16) },
    loss: { name: "loss", dtype: "f32", shape: [], view: view(SCALARS, 0, 4) },
    runs: { name: "runs", dtype: "u32", shape: [], view: view(SCALARS, 8, 4) },
  } as const;
  return {
    entry: "step",
    dims: { N: 4 },
    buffers: [
      { name: "state", bytes: 512, role: "state" },
      { name: "x", bytes: 16, role: "input" },
      { name: "sums", bytes: tempBytes, role: "temp" },
      { name: "scalars", bytes: 256, role: "result" },
      { name: "echo", bytes: 16, role: "result" },
    ],
    kernels: [
      kernel(
        "k0_sum",
        [["read", "u8", [4, 3]], ["read_write", "f32", [4]], ["read_write", "u8", [4, 3]]],
        `let w = b0[i];
        b1[i] = f32((w & 0xffu) + ((w >> 8u) & 0xffu) + ((w >> 16u) & 0xffu));
        b2[i] = w;`,
      ),
      kernel(
        "k1_add",
        [["read", "f32", [4]], ["read_write", "f32", [4]], ["read_write", "u32", []], [
          "read_write",
          "f32",
          [],
        ]],
        `if (i == 0u) {
          var loss = 0.0;
          for (var k = 0u; k < 4u; k++) { b1[k] += b0[k]; loss += b1[k]; }
          b2[0] += 1u;
          b3[0] = loss;
          b3[2] = bitcast<f32>(b2[0]);
        }`,
      ),
    ],
    dispatches: [
      { kernel: 0, views: [view(X, 0, 16), view(SUMS, 0, 16), view(ECHO, 0, 16)] },
      {
        kernel: 1,
        views: [view(SUMS, 0, 16), view(STATE, 0, 16), view(STATE, 256, 4), view(SCALARS, 0, 12)],
      },
    ],
    inputs: [tensors.x],
    results: [tensors.loss, tensors.runs, tensors.echo],
  };
}
