import { assert } from "../../tests/assert.ts";
import { codes, diagnose } from "../../tests/support/programs.ts";

/** Programs that would take for ever, or all memory, if nothing stopped them. */

const SYMBOLS = Array.from({ length: 40 }, (_, i) => `S${i}`);
const PROGRAMS: Readonly<Record<string, readonly [code: string, text: string]>> = {
  split: ["MPT0504", "fn f(x: float[N]) -> float[N] { let t = split(x, 1000000000) return x }"],
  poly: [
    "MPT0232",
    `fn f(${SYMBOLS.map((s, i) => `x${i}: float[${s}]`).join(", ")}) -> float[N] { let k = ${
      SYMBOLS.join("+")
    } let y = reshape(x0, [${Array(16).fill("k").join(",")}]) return x0 }`,
  ],
  polytype: [
    "MPT0504",
    `fn f(${SYMBOLS.map((s, i) => `x${i}: float[${s}]`).join(", ")}, y: float[${
      Array(16).fill(SYMBOLS.join("+")).join(",")
    }]) -> float[N] { return x0 }`,
  ],
  power: [
    "MPT0504",
    "fn f(x: float[N, M]) -> float[N] { let a = N + M let b = a*a*a*a let c = b*b*b*b let d = c*c*c*c let e = d*d*d*d return reshape(x, [e]) }",
  ],
  mod: [
    "MPT0504",
    "fn f(x: float[N, M]) -> float[N] { let a = (N*N+1) % (M+3) " +
    Array(40).fill("let a = (a*a+1) % (a+3)").join(" ") + " return reshape(x, [a]) }",
  ],
  long: ["MPT0201", `fn f(x: float[N]) -> float[N] { return ${"a".repeat(300000)} + ${"b".repeat(300000)} }`],
  unknown: [
    "MPT0201",
    `fn f(x: float[N]) -> float[N] { ${
      Array.from({ length: 20000 }, (_, i) => `let y = unk${i}(x)`).join(" ")
    } return x }`,
  ],
  rules: [
    "MPT0502",
    `model M { precision { ${
      Array.from({ length: 5000 }, (_, i) => `"a*.${i}.**": f32`).join(", ")
    } } layer a = Linear(4,4) * 10000 forward(x: float[N,4]) -> float[N,4] { return a(x) } }`,
  ],
  rules2: [
    "MPT0503",
    `model M { precision { ${
      Array.from({ length: 100 }, (_, i) => `"**.*${i}*.**.*zz": f32`).join(", ")
    } } layer a = Linear(4,4) * 19000 forward(x: float[N,4]) -> float[N,4] { return a(x) } }`,
  ],
  tuples: [
    "MPT0212",
    `fn f(x: float[N]) -> float[N] { let t = (x,x) ${Array(3000).fill("let t = (t,t)").join(" ")} return t }`,
  ],
  tuples2: [
    "MPT0216",
    `model M { forward(x: float[N]) -> float[N] { let t = (x,x) ${
      Array(3000).fill("let t = (t,t)").join(" ")
    } return f(t) + t + relu(t) + t[x] } } fn f(x: float[N]) -> float[N] { return x }`,
  ],
  models: [
    "MPT0111",
    Array.from(
      { length: 6000 },
      (_, i) => `model M${i} { layer a = Linear(4, 4) forward(x: float[N,4]) -> float[N,4] { return a(x) } }`,
    ).join(
      "\n",
    ),
  ],
  nested: [
    "MPT0502",
    Array.from(
      { length: 30 },
      (_, i) =>
        `model M${i} { layer a = ${i ? `M${i - 1}()` : "Linear(4,4)"} layer b = ${
          i ? `M${i - 1}()` : "Linear(4,4)"
        } forward(x: float[N,4]) -> float[N,4] { return a(b(x)) } }`,
    ).join("\n"),
  ],
  mutual: [
    "MPT0501",
    "model A { layer b = B() forward(x: float[N]) -> float[N] { return b(x) } }\nmodel B { layer a = A() layer c = A() forward(x: float[N]) -> float[N] { return a(x) } }",
  ],
  fnargs: [
    "MPT0503",
    "fn f(x: float[N], n: int) -> float[N] { return if n > 0 then f(f(x, n - 1), n - 1) else x }\nmodel M { forward(x: float[N]) -> float[N] { return f(x, 60) } }",
  ],
  huge: [
    "MPT0504",
    "model M { layer a = Linear(2000000000, 2000000000) * 10 forward(x: float[N]) -> float[N] { return x } }",
  ],
  axes: ["MPT0504", `fn f(x: float[${Array(5000).fill("N").join(",")}]) -> float[N] { return x }`],
  lists: [
    "MPT0212",
    `fn f(x: float[N]) -> float[N] { let l = [${Array(50000).fill("x").join(",")}] return concat(l) }`,
  ],
  expo: [
    "MPT0503",
    "fn f0(x: float[N]) -> float[N] { return relu(x) }\n" +
    Array.from({ length: 40 }, (_, i) => `fn f${i + 1}(x: float[N]) -> float[N] { return f${i}(f${i}(x)) }`)
      .join("\n"),
  ],
  consts: [
    "MPT0501",
    Array.from({ length: 20000 }, (_, i) => `const c${i} = c${i + 1} + 1`).join("\n") + "\nconst c20000 = 1",
  ],
  cond: [
    "MPT0503",
    "fn f(x: float[N], n: int) -> float[N] { return if n > 0 then f(x, n - 1) + f(x, n - 2) else x }\nmodel M { forward(x: float[N]) -> float[N] { return f(x, 90) } }",
  ],
};

/** Far above what a check takes, and far below what these would. */
const SECONDS = 20;

for (const [name, [code, text]] of Object.entries(PROGRAMS)) {
  Deno.test(`check: ${name} ends in ${code}`, () => {
    const start = performance.now();
    const found = diagnose(text);
    assert(performance.now() - start < SECONDS * 1000, "takes too long");
    assert(found.some((d) => d.code === code), found.map((d) => d.code).join(", ") || "nothing");
    assert(found.every((d) => d.message.length <= 300), "a message of any length");
  });
}

Deno.test("check: what real programs do is within the limits", () => {
  const deep = "fn f(x: float[N], n: int) -> float[N] { return if n > 0 then (((f(x, n - 1)))) else x }\n" +
    "model M { forward(x: float[N]) -> float[N] { return f(x, 90) } }";
  const wide = `fn f(x: float[N]) -> float[N] { return ${Array(400).fill("x").join(" + ")} }`;
  const stack = "model B { layer a = Linear(4, 4)\nlayer b = Linear(4, 4)\n" +
    "forward(x: float[N, 4]) -> float[N, 4] { return x |> a |> b } }\n" +
    'model M { precision { compute: f16, "blocks.*.a": f32 } layer blocks = B() * 200\n' +
    "forward(x: float[N, 4]) -> float[N, 4] { return blocks(x) } }";
  for (const text of [deep, wide, stack]) assert(codes(text).length === 0, codes(text).join(", "));
});
