import { assert, assertAlmostEquals } from "../tests/assert.ts";
import { MATRIX_UNITS, type MatrixTile } from "./matrix_plan.ts";
import { MATRIX_CANDIDATES, timeOnMatrixUnits } from "./matrix_speed.ts";

type Shape = readonly [batch: number, m: number, n: number, k: number];

const extents = ([batch, m, n, k]: Shape) => ({ batch, m, n, k });
const name = (t: MatrixTile) => `${t.tileM}×${t.tileN}`;

function chosen(shape: Shape): string {
  const time = (c: (typeof MATRIX_CANDIDATES)[number]) =>
    timeOnMatrixUnits(c, MATRIX_UNITS.f16, extents(shape));
  return name(MATRIX_CANDIDATES.reduce((a, b) => time(b) < time(a) ? b : a));
}

/** Microseconds of single products with f16 operands on an H200 through Dawn, twenty launches at a time. */
const MEASURED: readonly (readonly [Shape, Readonly<Record<string, number>>])[] = [
  [[1, 4096, 4096, 4096], { "128×128": 452, "128×96": 608, "96×128": 569, "128×64": 667, "64×64": 741 }],
  [[1, 16384, 384, 1536], {
    "128×128": 93.2,
    "128×96": 85.7,
    "96×128": 83.1,
    "128×64": 104.5,
    "64×64": 117.4,
  }],
  [[1, 16384, 384, 1152], { "128×128": 76.5, "128×96": 70.7, "96×128": 71, "128×64": 74.1, "64×64": 93 }],
  [[1, 16384, 384, 384], { "128×128": 30.3, "128×96": 26.8, "96×128": 26.9, "128×64": 28.7, "64×64": 33.8 }],
  [[1, 16384, 1536, 384], { "128×128": 89, "128×96": 102.9, "96×128": 105, "128×64": 106.3, "64×64": 122.6 }],
  [[1, 16384, 1152, 384], { "128×128": 71.7, "128×96": 78.6, "96×128": 80.5, "128×64": 80.7, "64×64": 92.8 }],
  [[16, 384, 1536, 1024], { "128×128": 87.1, "128×96": 86.3, "96×128": 85.1, "128×64": 88, "64×64": 110.7 }],
  [[32, 1152, 384, 512], { "128×128": 70.8, "128×96": 79.6, "96×128": 76.8, "128×64": 75.1, "64×64": 89 }],
  [[384, 256, 256, 64], { "128×128": 43.8, "128×96": 58.4, "96×128": 57.2, "128×64": 45.1, "64×64": 51.1 }],
  [[384, 256, 64, 256], { "128×128": 44.5, "128×96": 43.2, "96×128": 56.7, "128×64": 30.7, "64×64": 34.3 }],
];

Deno.test("matrix speed: the tiling chosen is the fastest measured, or within 5 % of it", () => {
  for (const [shape, times] of MEASURED) {
    const best = Math.min(...Object.values(times)), choice = chosen(shape);
    assert(
      times[choice] <= 1.05 * best,
      `${shape}: ${choice} takes ${times[choice]} µs, the fastest ${best}`,
    );
  }
});

Deno.test("matrix speed: times are told to within a third of what was measured", () => {
  for (const [shape, times] of MEASURED) {
    for (const c of MATRIX_CANDIDATES) {
      const said = timeOnMatrixUnits(c, MATRIX_UNITS.f16, extents(shape)), took = times[name(c)];
      assert(
        said > 0.66 * took && said < 1.33 * took,
        `${shape}, ${name(c)}: ${said} µs said, ${took} measured`,
      );
    }
  }
});

Deno.test("matrix speed: one workgroup more than the cores hold costs a wave", () => {
  const [c] = MATRIX_CANDIDATES;
  const time = (tiles: number) =>
    timeOnMatrixUnits(c, MATRIX_UNITS.f16, extents([tiles, c.tileM, c.tileN, 1024]));
  assertAlmostEquals(time(264), time(133));
  assertAlmostEquals(time(265) - time(264), time(264) - time(0));
  assertAlmostEquals(time(132), time(1));
});
