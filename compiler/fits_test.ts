import { assert, assertEquals, assertStringIncludes, assertThrows } from "../tests/assert.ts";
import { compile } from "./compile.ts";
import { DiagnosticError } from "./core/diagnostic.ts";
import { TARGET_LAVAPIPE } from "./core/target.ts";

const TEXT = `model M {
  precision f32
  layer fc = Linear(4096, 8)
  forward(x: float[N, 4096]) -> f32[N, 8] { return fc(x) }
}
train M {
  batch(x: f32[N, 4096], y: i32[N])
  loss = cross_entropy(M(x), y)
  optimizer = SGD(lr: 0.1)
}
`;

Deno.test("a batch that the device cannot bind is a diagnostic with the sizes", () => {
  const { bundle } = compile({ file: "m.mpt", text: TEXT }, { target: TARGET_LAVAPIPE });
  const most = TARGET_LAVAPIPE.limits.maxStorageBufferBindingSize;
  assertEquals(bundle!.program("step", { N: most / 4096 / 4 }).dims, { N: 8192 });
  const error = assertThrows(() => bundle!.program("step", { N: 8193 }), DiagnosticError);
  const [fault] = error.diagnostics;
  assertEquals(fault.code, "MPT0606");
  assertStringIncludes(fault.message, "at N=8193");
  assertEquals(fault.expected, "at most 128 MiB");
  assert(fault.help?.includes("accumulate"));
});
