import { assert, assertEquals, assertThrows } from "../../tests/assert.ts";
import type { Step } from "./order.ts";
import { orderSteps } from "./order.ts";
import type { Tensor } from "./tensor.ts";

const tensor = (kind: Tensor["kind"], name: string, covers?: Tensor[]): Tensor => ({
  kind,
  name,
  dtype: "f32",
  layout: [4],
  ...(covers ? { covers } : {}),
});

function step(reads: Tensor[], writes: Tensor[], more: Partial<Step> = {}): Step {
  return { reads: new Set(reads), writes: new Set(writes), raisesFlag: false, inPlace: () => true, ...more };
}

Deno.test("temps are written before they are read", () => {
  const [a, b] = [tensor("temp", "a"), tensor("temp", "b")];
  const { order } = orderSteps([step([b], [tensor("result", "y")]), step([a], [b]), step([], [a])]);
  assertEquals(order, [2, 1, 0]);
});

Deno.test("a slot's old value is read before the new one is written", () => {
  const w = tensor("state", "param/w");
  const { order, deferred } = orderSteps([step([], [w]), step([w], [tensor("result", "y")])]);
  assertEquals([order, deferred.size], [[1, 0], 0]);
});

Deno.test("a new value waits where a later kernel still wants the old one", () => {
  const [s, t] = [tensor("state", "scale"), tensor("temp", "t")];
  // The writer of the slot makes what the last reader of its old value needs.
  const { order, deferred } = orderSteps([step([], [s, t]), step([s, t], [tensor("result", "y")])]);
  assertEquals(order, [0, 1]);
  assert(deferred.has(s));
});

Deno.test("a kernel overwrites what it reads only in place", () => {
  const w = tensor("state", "param/w");
  assertEquals(orderSteps([step([w], [w])]).deferred.size, 0);
  assert(orderSteps([step([w], [w], { inPlace: () => false })]).deferred.has(w));
});

Deno.test("a run of slots stands for each of them", () => {
  const [a, b] = [tensor("state", "param/a"), tensor("state", "param/b")];
  const both = tensor("state", "param+0..8", [a, b]);
  const { order } = orderSteps([step([both], [both]), step([b], [tensor("result", "y")])]);
  assertEquals(order, [1, 0]);
});

Deno.test("the overflow flag is reset after all that may raise it", () => {
  const flag = tensor("state", "found_inf");
  const { order } = orderSteps([step([], [flag]), step([], [tensor("result", "y")], { raisesFlag: true })]);
  assertEquals(order, [1, 0]);
});

Deno.test("kernels that wait for one another are a fault", () => {
  const [a, b] = [tensor("temp", "a"), tensor("temp", "b")];
  assertThrows(() => orderSteps([step([a], [b]), step([b], [a])]), Error, "wait for one another");
});
