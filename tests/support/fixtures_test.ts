import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { assert, assertArrayAlmostEquals, assertEquals, assertLess } from "../assert.ts";
import { numbersOf, type StoredTensor } from "../../runtime/io/safetensors.ts";
import { opCases, opTensors, readFixture, trajectory, trajectoryNames } from "./fixtures.ts";

Deno.test("fixtures: they stay within their 8 MiB", () => {
  const files = readdirSync("tests/fixtures", { recursive: true, withFileTypes: true });
  const sizes = files.filter((file) => file.isFile()).map((file) =>
    statSync(join(file.parentPath, file.name)).size
  );
  assertLess(sizes.reduce((a, b) => a + b, 0), 8 * 2 ** 20);
  assertLess(Math.max(...sizes), 2 ** 20);
});

Deno.test("fixtures: the index describes every tensor of the cases", () => {
  const cases = opCases(), used = new Map<string, number>();
  assert(cases.length > 200);
  for (const entry of cases) {
    const { inputs, outputs, cotangents, grads } = opTensors(entry);
    const typeOf = ({ dtype, shape }: StoredTensor) => ({ dtype, shape });
    assertEquals(
      Object.fromEntries([...inputs].map(([name, t]) => [name, typeOf(t)])),
      entry.inputs as unknown,
    );
    assertEquals(outputs.map(typeOf), entry.outputs as unknown);
    for (const [name, grad] of grads) assertEquals(typeOf(grad), entry.inputs[name] as unknown);
    cotangents.forEach((cotangent, i) =>
      cotangent && assertEquals(typeOf(cotangent), entry.outputs[i] as unknown)
    );
    assert(grads.size === 0 || cotangents.some(Boolean), entry.id);
    const given = inputs.size > 0 ? [...inputs.values()] : outputs;
    assert(given.some((t) => numbersOf(t).some((x) => x !== 0)), `${entry.id} is all zeros`);
    const count = inputs.size + outputs.length + grads.size + cotangents.filter(Boolean).length;
    used.set(entry.file, (used.get(entry.file) ?? 0) + count);
  }
  for (const [file, count] of used) assertEquals(readFixture(`ops/${file}`).tensors.size, count, file);
});

/** The numbers of a case's tensors, by what they are. */
function numbers(id: string) {
  const found = opCases().find((entry) => entry.id === id);
  assert(found, id);
  const { inputs, outputs, cotangents, grads } = opTensors(found);
  const of = (tensors: ReadonlyMap<string, StoredTensor>, name: string) => numbersOf(tensors.get(name)!);
  return {
    input: (name: string) => of(inputs, name),
    grad: (name: string) => of(grads, name),
    outputs: outputs.map(numbersOf),
    cotangent: numbersOf(cotangents[0]!),
  };
}

Deno.test("fixtures: a value and its gradient are where the index says", () => {
  const { input, grad, outputs, cotangent } = numbers("tanh");
  assertArrayAlmostEquals(outputs[0], input("x").map(Math.tanh), { rtol: 1e-6 });
  const expected = cotangent.map((dy, i) => dy * (1 - Math.tanh(input("x")[i]) ** 2));
  assertArrayAlmostEquals(grad("x"), expected, { rtol: 1e-6 });
});

Deno.test("fixtures: BatchNorm's statistics move by a tenth, the variance unbiased", () => {
  const { input, outputs } = numbers("BatchNorm1d");
  const [rows, columns] = [7, 5];
  for (let c = 0; c < columns; c++) {
    const column = Array.from({ length: rows }, (_, r) => input("x")[r * columns + c]);
    const mean = column.reduce((a, b) => a + b) / rows;
    const variance = column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (rows - 1);
    assertArrayAlmostEquals([outputs[1][c], outputs[2][c]], [0.1 * mean, 0.9 + 0.1 * variance], {
      rtol: 1e-6,
    });
  }
});

Deno.test("fixtures: a trajectory's first loss follows from its first weights and batch", () => {
  assertLess(15, trajectoryNames().length);
  for (const name of trajectoryNames()) {
    const { init, batches, loss64, program, lr, loss } = trajectory(name);
    const weights = new Map([...init].map(([key, tensor]) => [key, numbersOf(tensor)]));
    const [x, label] = [numbersOf(batches.x), numbersOf(batches.label)];
    let sum = 0;
    for (let row = 0; row < 8; row++) {
      const hidden = linear(x.subarray(row * 13, row * 13 + 13), weights, "fc1").map((value) =>
        Math.max(value, 0)
      );
      const logits = linear(hidden, weights, "fc2");
      sum += Math.log(logits.reduce((total, z) => total + Math.exp(z), 0)) - logits[label[row]];
    }
    assertArrayAlmostEquals([sum / 8], [loss64[0]], { rtol: 1e-12 });
    assertEquals(loss.length, batches.x.shape[0]);
    const accumulate = Number(/accumulate = (\d+)/.exec(program)?.[1] ?? 1);
    assertEquals(lr.length * accumulate, loss.length);
  }
});

/** `W x + b` of a layer whose weight is `[out, in]`. */
function linear(x: Float64Array, weights: ReadonlyMap<string, Float64Array>, layer: string): Float64Array {
  const weight = weights.get(`${layer}.weight`)!;
  return weights.get(`${layer}.bias`)!.map((bias, o) =>
    x.reduce((sum, value, i) => sum + value * weight[o * x.length + i], bias)
  );
}
