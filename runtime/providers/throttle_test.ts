import { assert, assertEquals, assertRejects, assertStrictEquals } from "../../tests/assert.ts";
import { pauseAfter, PollThrottle } from "./throttle.ts";

const scope = globalThis as unknown as { setImmediate: (f: unknown) => unknown };
/** Looks like Dawn's poll: native and without a name. */
const poll = Function.prototype;

function timeOf(callback: unknown, times: number): number {
  const start = performance.now();
  for (let i = 0; i < times; i++) scope.setImmediate(callback);
  return performance.now() - start;
}

Deno.test("throttle: only while something is waited for, and only native callbacks", async () => {
  const original = scope.setImmediate;
  const throttle = new PollThrottle();
  let finish = () => {};
  const waited = throttle.wait(new Promise<void>((resolve) => finish = resolve));
  const other = throttle.wait(Promise.reject(new Error("refused")));
  assert(scope.setImmediate !== original);
  assert(timeOf(poll, 40) >= 40 * 0.05, "polls are 50 µs apart");
  let ran = 0;
  assert(timeOf(() => ran++, 40) < 40 * 0.05, "others are not slowed");
  await assertRejects(() => other, Error, "refused");
  assert(scope.setImmediate !== original, "one wait is left");
  finish();
  await waited;
  assertStrictEquals(scope.setImmediate, original);
  await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(ran, 40);
});

Deno.test("throttle: a replacement made meanwhile by someone else stays", async () => {
  const original = scope.setImmediate;
  try {
    const waited = new PollThrottle().wait(Promise.resolve());
    const theirs = () => {};
    scope.setImmediate = theirs;
    await waited;
    assertStrictEquals(scope.setImmediate, theirs);
  } finally {
    scope.setImmediate = original;
  }
});

Deno.test("throttle: pauses grow with the wait, within bounds", () => {
  assertEquals([0, 1, 5, 1000].map(pauseAfter), [0.05, 0.05, 0.1, 0.5]);
});
