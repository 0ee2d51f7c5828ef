import { assert, assertEquals } from "../../tests/assert.ts";
import type { Lifetime } from "./plan.ts";
import { planTemps } from "./plan.ts";

const dice = (n: number) => Math.floor(n * Math.random());

Deno.test("values that live at once never share a buffer, and every value fits", () => {
  for (let trial = 0; trial < 300; trial++) {
    const lives: Lifetime[] = Array.from({ length: 1 + dice(40) }, () => {
      const first = dice(30);
      return { bytes: 4 * (1 + dice(1000)), first, last: first + dice(8) };
    });
    const { buffers, of } = planTemps(lives);
    lives.forEach((a, i) => {
      assert(buffers[of[i]] >= a.bytes);
      lives.forEach((b, j) => {
        const meet = a.first <= b.last && b.first <= a.last;
        if (i !== j && meet) assert(of[i] !== of[j], `${i} and ${j} share buffer ${of[i]}`);
      });
    });
  }
});

Deno.test("a chain of equal values needs two buffers", () => {
  const lives = Array.from({ length: 20 }, (_, i) => ({ bytes: 4096, first: i, last: i + 1 }));
  assertEquals(planTemps(lives).buffers, [4096, 4096]);
});

Deno.test("a small value does not hold a large buffer", () => {
  const { buffers } = planTemps([{ bytes: 1 << 20, first: 0, last: 1 }, { bytes: 4, first: 2, last: 9 }, {
    bytes: 1 << 20,
    first: 3,
    last: 4,
  }]);
  assertEquals(buffers, [1 << 20, 4]);
});
