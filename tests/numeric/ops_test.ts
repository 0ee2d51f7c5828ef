import { isFloat } from "../../compiler/core/dtype.ts";
import { verify } from "../../compiler/ir/verify.ts";
import { showType } from "../../compiler/ir/op.ts";
import { inputNode } from "../../compiler/ops/leaf.ts";
import { OPS } from "../../compiler/ops/index.ts";
import { assert, assertArrayAlmostEquals, assertEquals } from "../assert.ts";
import { cotangent, F64, numericGradient, stream, trial, valueOf } from "./ops_support.ts";

/** Every op enrols itself: each sample of each op is evaluated, decomposed and differentiated. */

for (const op of OPS.values()) {
  if (op.kind === "leaf") continue;
  op.samples.forEach((sample, i) => {
    const name = `${op.name}, sample ${i}`;

    Deno.test(`${name}: value`, () => {
      const { node, inputs } = trial(op, sample, stream(name));
      assertEquals(verify({ outputs: [{ kind: "result", name: "y", node }] }), []);
      const y = valueOf(node, inputs);
      assert(y.data.every(Number.isFinite), `not finite: ${y.data}`);
      if (op.kind !== "composite") return;
      const body = valueOf(node, inputs, { ...F64, decomposed: true });
      assertEquals(showType(body), showType(y));
      // Constants of an expression are f32 values.
      assertArrayAlmostEquals(body.data, y.data, { rtol: 1e-6, atol: 1e-7 });
    });

    const { grad } = op;
    if (!grad) return;
    Deno.test(`${name}: gradient`, () => {
      const random = stream(name);
      const { b, node, inputs } = trial(op, sample, random);
      if (!isFloat(node.type.dtype)) return;
      const dy = cotangent(node, random);
      const gradients = grad(b, node, inputNode(b, "dy", dy.dtype, dy.shape));
      node.inputs.forEach((x, k) => {
        const gradient = gradients[k];
        if (!isFloat(x.type.dtype)) return assertEquals(gradient, undefined);
        const numeric = numericGradient(node, inputs, dy, `x${k}`);
        if (!gradient) return assertArrayAlmostEquals(numeric, numeric.map(() => 0), { rtol: 0, atol: 1e-9 });
        assertEquals(showType(gradient.type), showType(x.type));
        assertEquals(verify({ outputs: [{ kind: "result", name: "dx", node: gradient }] }), []);
        const fed = new Map(inputs).set("dy", dy);
        for (const decomposed of [false, true]) {
          const exact = valueOf(gradient, fed, { ...F64, decomposed });
          assertArrayAlmostEquals(exact.data, numeric, { rtol: 1e-5, atol: 1e-6 });
        }
      });
    });
  });
}
