import { assertAlmostEquals, assertEquals, assertThrows } from "../../tests/assert.ts";
import { Builder } from "../ir/builder.ts";
import { OpError } from "../ir/op.ts";
import { INITIALISERS, initialValue } from "./init.ts";
import { evaluateNodes } from "../reference/evaluate.ts";

const b = new Builder();
const args = (name: string, given = {}) => ({
  ...Object.fromEntries(INITIALISERS.get(name)!.params.map((p) => [p.name, p.default])),
  ...given,
});
const make = (name: string, shape: number[], given = {}) =>
  INITIALISERS.get(name)!.make(args(name, given), shape);

Deno.test("fans count the receptive field", () => {
  // weight [8, 4, 3, 3]: 36 in, 72 out.
  const width = (init: ReturnType<typeof make>) => init.kind === "uniform" ? init.high : NaN;
  assertAlmostEquals(width(make("kaiming_uniform", [8, 4, 3, 3])), Math.sqrt(6 / 36), 1e-12);
  assertAlmostEquals(
    width(make("kaiming_uniform", [8, 4, 3, 3], { a: Math.sqrt(5) })),
    1 / Math.sqrt(36),
    1e-12,
  );
  assertAlmostEquals(width(make("xavier_uniform", [8, 4, 3, 3])), Math.sqrt(6 / 108), 1e-12);
  assertEquals(make("kaiming_normal", [8, 4], { mode: "fan_out" }), {
    kind: "normal",
    mean: 0,
    std: Math.sqrt(2 / 8),
  });
  assertThrows(() => make("kaiming_normal", [8]), OpError, "two axes");
});

for (const shape of [[6, 6], [4, 9], [9, 2, 2]]) {
  Deno.test(`orthogonal [${shape}] is`, () => {
    const node = initialValue(b, { kind: "orthogonal", gain: 1.5 }, shape, 3);
    const state = new Map([["seed", { dtype: "u32", shape: [2], data: Float64Array.of(7, 8) } as const]]);
    const { data } = evaluateNodes([node], { state }, { precision: "rounded" }).get(node)!;
    const rows = shape[0], columns = data.length / rows;
    const [n, stride, step] = rows <= columns ? [rows, columns, 1] : [columns, 1, columns];
    const length = Math.max(rows, columns);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let dot = 0;
        for (let k = 0; k < length; k++) dot += data[i * stride + k * step] * data[j * stride + k * step];
        assertAlmostEquals(dot, i === j ? 2.25 : 0, 1e-5);
      }
    }
  });
}
