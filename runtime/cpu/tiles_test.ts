import fc from "fast-check";
import { assert, assertEquals } from "../../tests/assert.ts";
import { chooseLanes, lanePattern, TILE, Tiles } from "./tiles.ts";

Deno.test("tiles: every coordinate is in one lane of one tile, in order", () => {
  const shape = fc.array(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 100, max: 1500 })), {
    maxLength: 4,
  })
    .filter((s) => s.reduce((a, b) => a * b, 1) < 20000);
  fc.assert(fc.property(shape, fc.boolean(), (extents, wholeRows) => {
    const axes = [...extents.keys()];
    const lanes = chooseLanes(extents, axes, { wholeRows });
    assert(lanes.width <= TILE);
    let stride = 1;
    const strides = extents.map(() => 0);
    for (const axis of axes.toReversed()) {
      strides[axis] = stride;
      stride *= extents[axis];
    }
    const pattern = lanePattern(lanes, strides);
    const coords = new Int32Array(extents.length);
    const tiles = new Tiles(lanes, axes, coords);
    const seen: number[] = [];
    for (let more = tiles.first(); more; more = tiles.next()) {
      const first = axes.reduce((sum, axis) => sum + coords[axis] * strides[axis], 0);
      for (let lane = 0; lane < tiles.n; lane++) seen.push(first + pattern[lane]);
    }
    assertEquals(seen, Array.from({ length: stride }, (_, i) => i));
  }));
});

Deno.test("tiles: lanes fill a tile, in chunks of one length", () => {
  assertEquals(chooseLanes([1100], [0]).chunk, 550);
  assertEquals(chooseLanes([128, 10], [0, 1]), { extents: [128, 10], axes: [0, 1], chunk: 64, width: 640 });
  assertEquals(chooseLanes([50, 144], [0, 1], { wholeRows: true }).axes, [1]);
  assertEquals(chooseLanes([50, 1, 64], [0, 1, 2]).axes, [0, 2]);
});

Deno.test("tiles: bounds, and spaces without elements", () => {
  const coords = new Int32Array(2);
  const lanes = chooseLanes([10, 8], [1]);
  const tiles = new Tiles(lanes, [0, 1], coords);
  tiles.low[0] = 3;
  tiles.high[0] = 5;
  const rows: number[] = [];
  for (let more = tiles.first(); more; more = tiles.next()) rows.push(coords[0]);
  assertEquals(rows, [3, 4]);
  assertEquals(new Tiles(chooseLanes([0, 4], [0, 1]), [0, 1], new Int32Array(2)).first(), false);
  assertEquals(new Tiles(chooseLanes([4, 0], [0, 1]), [0, 1], new Int32Array(2)).first(), false);
});
