import * as a from "./assert.ts";

/** Every case is a call that must fail; the ones in `holds` must not. */
const fails: [string, () => unknown][] = [
  ["assert", () => a.assert(0)],
  ["assertFalse", () => a.assertFalse(1)],
  ["assertEquals", () => a.assertEquals({ x: [1, 2] }, { x: [1, 3] })],
  ["assertEquals of -0", () => a.assertEquals(0, -0)],
  ["assertEquals of types", () => a.assertEquals<ArrayLike<number>>(new Uint8Array([1]), [1])],
  ["assertNotEquals", () => a.assertNotEquals({ x: [1] }, { x: [1] })],
  ["assertStrictEquals", () => a.assertStrictEquals({}, {})],
  ["assertExists", () => a.assertExists(null)],
  ["assertInstanceOf", () => a.assertInstanceOf(new Error(), TypeError)],
  ["assertGreater", () => a.assertGreater(1, 1)],
  ["assertGreater of NaN", () => a.assertGreater(NaN, 1)],
  ["assertLess", () => a.assertLess(1, 1)],
  ["assertStringIncludes", () => a.assertStringIncludes("abc", "d")],
  ["assertMatch", () => a.assertMatch("abc", /d/)],
  ["assertNotMatch", () => a.assertNotMatch("abc", /b/)],
  ["assertThrows", () => a.assertThrows(() => 1)],
  ["assertThrows of class", () => a.assertThrows(() => fail(), TypeError)],
  ["assertThrows of message", () => a.assertThrows(() => fail(), Error, "else")],
  ["assertAlmostEquals", () => a.assertAlmostEquals(1, 1.1, 0.01)],
  ["assertAlmostEquals of NaN", () => a.assertAlmostEquals(NaN, 1, 10)],
  ["assertArrayAlmostEquals", () => a.assertArrayAlmostEquals([1, 2], [1, 2.1])],
  ["assertArrayAlmostEquals of length", () => a.assertArrayAlmostEquals([1], [1, 2])],
  ["assertArrayAlmostEquals of NaN", () => a.assertArrayAlmostEquals([NaN], [NaN], { atol: Infinity })],
  ["assertArrayAlmostEquals of infinity", () => a.assertArrayAlmostEquals([1e38], [Infinity], { rtol: 1 })],
  ["fail", () => a.fail()],
  ["unreachable", () => a.unreachable()],
];
const holds: [string, () => unknown][] = [
  ["assertEquals", () => a.assertEquals({ x: [NaN, 2] }, { x: [NaN, 2] })],
  ["assertNotEquals", () => a.assertNotEquals([1], [2])],
  ["assertAlmostEquals", () => a.assertAlmostEquals(1, 1 + 1e-9)],
  ["assertAlmostEquals of infinity", () => a.assertAlmostEquals(Infinity, Infinity)],
  [
    "assertArrayAlmostEquals",
    () => a.assertArrayAlmostEquals(new Float32Array([0.1]), [0.1], { rtol: 1e-6 }),
  ],
  ["assertArrayAlmostEquals of infinity", () => a.assertArrayAlmostEquals([-Infinity], [-Infinity])],
  ["assertThrows", () => a.assertThrows(() => fail(), Error, "because")],
];

function fail(): never {
  throw new Error("because");
}

for (const [name, call] of fails) {
  Deno.test(`assert: ${name} fails when it should`, () => {
    try {
      call();
    } catch (error) {
      if (error instanceof a.AssertionError) return;
      throw error;
    }
    throw new Error(`${name} did not fail`);
  });
}

for (const [name, call] of holds) Deno.test(`assert: ${name} holds when it should`, () => void call());

Deno.test("assert: assertRejects", async () => {
  const error = await a.assertRejects(
    () => Promise.reject(new TypeError("no such thing")),
    TypeError,
    "such",
  );
  a.assertEquals(error.message, "no such thing");
  await a.assertRejects(() => a.assertRejects(() => Promise.resolve(1)), a.AssertionError, "to reject");
  await a.assertRejects(() => a.assertRejects(() => fail()), a.AssertionError, "threw at once");
});

Deno.test("assert: assertArrayAlmostEquals reports the worst element", () => {
  const error = a.assertThrows(
    () => a.assertArrayAlmostEquals([1.1, 2, 7, 4], [1, 2, 3, 4], { rtol: 0, atol: 0.01, message: "logits" }),
    a.AssertionError,
  );
  a.assertMatch(error.message, /^logits: 2 of 4 elements differ .*the worst is \[2\]:\n.* 7\n.* 3\n/);
});
