import { assert, assertEquals } from "../../tests/assert.ts";
import { KernelSet } from "./kernel_set.ts";

const of = (values: Iterable<number>) => [...values].reduce((s, k) => s.with(k), KernelSet.NONE);

Deno.test("sets of kernels do as sets do", () => {
  const dice = (n: number) => Math.floor(n * Math.random());
  for (const range of [20, 40, 1100, 70_000]) {
    for (let trial = 0; trial < 20; trial++) {
      const draw = (most: number) => new Set(Array.from({ length: dice(most) }, () => dice(range)));
      const [x, y] = [draw(60), draw(trial < 5 ? 1 : 60)];
      const [a, b] = [of(x), of(y)];
      const both = a.union(b);
      assertEquals([a.size, b.size, both.size], [x.size, y.size, new Set([...x, ...y]).size]);
      for (const k of [...x, ...y, ...Array.from({ length: 50 }, () => dice(2 * range))]) {
        assertEquals(
          [a.has(k), b.has(k), both.has(k)],
          [x.has(k), y.has(k), x.has(k) || y.has(k)],
          String(k),
        );
      }
      assert(both.includes(a) && both.includes(b));
      assertEquals(a.includes(b), [...y].every((k) => x.has(k)));
      assert(both.union(a) === both, "a union that adds nothing is the set itself");
    }
  }
});
