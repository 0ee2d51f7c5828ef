import { assert, assertEquals } from "../../tests/assert.ts";
import { delinearize, linearize } from "../ops/view.ts";
import type { Expr } from "./expr.ts";
import { bool, coord, i32, operands, prim } from "./expr.ts";
import { Exprs } from "./index_expr.ts";

const dice = (n: number) => Math.floor(n * Math.random());

function evaluate(root: Expr, coords: readonly number[]): number {
  const args = operands(root).map((x) => evaluate(x, coords));
  if (root.e === "const") return root.value;
  if (root.e === "coord") return coords[root.axis];
  assert(root.e === "prim", root.e);
  const [a, b, c] = args;
  const table: Record<string, () => number> = {
    add: () => a + b,
    sub: () => a - b,
    mul: () => a * b,
    neg: () => -a,
    quo: () => Math.trunc(a / b),
    mod: () => a % b,
    min: () => Math.min(a, b),
    max: () => Math.max(a, b),
    lt: () => +(a < b),
    le: () => +(a <= b),
    gt: () => +(a > b),
    ge: () => +(a >= b),
    eq: () => +(a === b),
    ne: () => +(a !== b),
    and: () => a & b,
    or: () => a | b,
    not: () => 1 - a,
    select: () => a ? b : c,
  };
  return table[root.fn]();
}

function size(e: Expr): number {
  const seen = new Set<Expr>();
  const stack = [e];
  while (stack.length > 0) {
    const x = stack.pop()!;
    if (!seen.has(x)) stack.push(...operands(x));
    seen.add(x);
  }
  return seen.size;
}

function factorization(n: number): number[] {
  const out: number[] = [];
  for (let rest = n; rest > 1;) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((d) => rest % d === 0 && d > 1);
    const d = divisors[dice(divisors.length)];
    out.push(d);
    rest /= d;
  }
  while (Math.random() < 0.3) out.splice(dice(out.length + 1), 0, 1);
  return out;
}

/** Reshapes, permutations, slices and broadcasts at random, as input coordinates of output coordinates. */
function randomViews(extents: readonly number[]) {
  let shape = [...extents];
  let coords: Expr[] = shape.map((_, i) => coord(i));
  const steps: string[] = [];
  for (let k = 1 + dice(5); k > 0; k--) {
    const kind = dice(4);
    if (kind <= 1) {
      const to = factorization(shape.reduce((a, b) => a * b, 1));
      coords = delinearize(linearize(coords, shape), to);
      shape = to;
    } else if (kind === 2 && shape.length > 0) {
      const order = shape.map((_, i) => i).sort(() => Math.random() - 0.5);
      coords = order.map((i) => coords[i]);
      shape = order.map((i) => shape[i]);
    } else if (shape.length > 0) {
      // Reading a slice of something larger.
      const axis = dice(shape.length);
      const before = dice(3), step = 1 + dice(2);
      coords = coords.map((c, i) => i === axis ? prim("add", prim("mul", c, i32(step)), i32(before)) : c);
      shape = shape.map((d, i) => i === axis ? before + d * step + dice(2) : d);
    }
    steps.push(`${kind}:[${shape}]`);
  }
  return { index: linearize(coords, shape), steps };
}

function checkEverywhere(e: Expr, extents: readonly number[], what: string): Expr {
  const exprs = new Exprs(extents);
  const simple = exprs.simplify(e);
  const { lo, hi } = exprs.range(e);
  const total = extents.reduce((a, b) => a * b, 1);
  for (let i = 0; i < total; i++) {
    const coords = extents.map((_, axis) =>
      Math.floor(i / extents.slice(axis + 1).reduce((a, b) => a * b, 1)) % extents[axis]
    );
    const value = evaluate(e, coords);
    assertEquals(evaluate(simple, coords), value, `${what} at ${coords}`);
    assert(lo <= value && value <= hi, `${what}: ${value} is not in ${lo}..${hi}`);
  }
  return simple;
}

Deno.test("simplified chains of views read the same elements", () => {
  for (let trial = 0; trial < 400; trial++) {
    const extents = Array.from({ length: 1 + dice(4) }, () => 1 + dice(6));
    const { index, steps } = randomViews(extents);
    checkEverywhere(index, extents, `[${extents}] ${steps.join(" ")}`);
  }
});

Deno.test("random i32 arithmetic keeps its value", () => {
  const extents = [3, 4, 5];
  const random = (depth: number): Expr => {
    if (depth === 0 || Math.random() < 0.1) return Math.random() < 0.7 ? coord(dice(3)) : i32(dice(7));
    const [a, b] = [random(depth - 1), random(depth - 1)];
    const positive = i32(1 + dice(6));
    switch (dice(7)) {
      case 0:
        return prim("add", a, b);
      case 1:
        return prim("mul", a, i32(dice(5)));
      case 2:
        return prim("quo", a, positive);
      case 3:
        return prim("mod", a, positive);
      case 4:
        return prim(dice(2) ? "min" : "max", a, b);
      case 5:
        return prim("max", prim("sub", a, b), i32(0));
      default:
        return prim("select", prim((["lt", "le", "gt", "ge", "eq", "ne"] as const)[dice(6)], a, b), a, b);
    }
  };
  for (let trial = 0; trial < 500; trial++) checkEverywhere(random(5), extents, `trial ${trial}`);
});

Deno.test("reshaping there and back is the plain index", () => {
  for (let trial = 0; trial < 200; trial++) {
    const extents = factorization(2 ** (1 + dice(3)) * 3 ** dice(3) * (1 + dice(5)));
    const exprs = new Exprs(extents);
    const plain = linearize(extents.map((_, i) => coord(i)), extents);
    let index = plain;
    const shapes: number[][] = [];
    for (let k = 0; k < 1 + dice(3); k++) {
      const to = factorization(extents.reduce((a, b) => a * b, 1));
      shapes.push(to);
      index = linearize(delinearize(index, to), to);
    }
    assert(exprs.same(index, plain), `[${extents}] through ${shapes.map((s) => `[${s}]`).join(" ")}`);
  }
});

Deno.test("heads of an attention are strided loads", () => {
  // [B, T, H·D] → [B, T, H, D] → [B, H, T, D]
  const [B, T, H, D] = [2, 5, 3, 4];
  const exprs = new Exprs([B, H, T, D]);
  const [b, h, t, d] = [0, 1, 2, 3].map(coord);
  const coords = delinearize(linearize([b, t, h, d], [B, T, H, D]), [B, T, H * D]);
  const index = exprs.simplify(linearize(coords, [B, T, H * D]));
  const plain = [[b, T * H * D], [t, H * D], [h, D], [d, 1]] as const;
  assertEquals(exprs.linear(index).terms.size, 4);
  for (const [c, stride] of plain) assertEquals(exprs.linear(index).terms.get(exprs.simplify(c)), stride);
  assert(size(index) <= 13);
});

Deno.test("guards that always or never hold are decided", () => {
  const exprs = new Exprs([4, 6]);
  const [i, j] = [coord(0), coord(1)];
  const always = prim("and", prim("ge", i, i32(0)), prim("lt", prim("add", i, j), i32(9)));
  assertEquals(exprs.simplify(always), exprs.simplify(bool(true)));
  assertEquals(exprs.simplify(prim("lt", prim("sub", i, i32(4)), i32(0))), exprs.simplify(bool(true)));
  assertEquals(exprs.simplify(prim("gt", i, prim("add", i, i32(1)))), exprs.simplify(bool(false)));
  const open = exprs.simplify(prim("lt", prim("add", i, j), i32(8)));
  assertEquals(open.e, "prim");
});
