import { LAYERS } from "../../compiler/layers/index.ts";
import { LIBRARY } from "../../compiler/ops/index.ts";
import { LATER } from "../../compiler/ops/later.ts";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { ampCases, ampForward } from "../support/amp.ts";

/** The dtype that each call gives under `mixed_f16` beside the one that PyTorch's autocast gives. */

/** Functions whose dtype from f16 differs, ours being f32, and why. */
const WIDER: Readonly<Record<string, string>> = {
  mean: "full here, as sum is; autocast leaves it to its input",
  var: "full here: f16 overflows where it squares; autocast leaves it to its input",
  hinge: "a loss, so full; PyTorch has no such function, and the formula there is of parts that follow",
  Embedding:
    "no difference: it gives its table's dtype, here an f32 master; the fixture rounded PyTorch's to f16",
};

/** Cases that have nothing beside them, and why. */
const NOT_COMPARED: Readonly<Record<string, string>> = {
  "one_hot": "integers on both sides, which the fixture's script turns into floats",
  "bce": "autocast refuses it, and so does the compiler",
};

/** Autocast's own errors are about precision; these are about how the case was run, and say nothing of a class. */
const NOT_RUN = /same device|at least two devices/;

const cases = ampCases().filter((c) => !LATER.has(c.fn));

for (const c of cases) {
  for (const given of ["f16", "f32"] as const) {
    const theirs = c[given];
    const failed = "error" in theirs && NOT_RUN.test(theirs.error);
    const skipped = failed ? "the fixture is older than make/amp.py, which now runs it" : NOT_COMPARED[c.id];
    Deno.test({
      name: `autocast: ${c.id} from ${given}${skipped ? `: ${skipped}` : ""}`,
      ignore: skipped !== undefined,
      fn() {
        assert(!("error" in theirs), "PyTorch's side did not run: say why in NOT_COMPARED");
        const { outputs, diagnostics } = ampForward(c, given);
        assertEquals(diagnostics.map((d) => d.message), []);
        const ours = outputs.map((node) => node.type.dtype);
        const wider = given === "f16" && c.fn in WIDER;
        if (wider) assertEquals([...theirs], ["f16"], "the table's row is out of date");
        assertEquals(ours, wider ? ["f32"] : [...theirs]);
      },
    });
  }
}

Deno.test("autocast: bce on probabilities is refused on both sides", () => {
  const bce = cases.find((c) => c.id === "bce")!;
  for (const given of ["f16", "f32"] as const) {
    const theirs = bce[given];
    assert("error" in theirs);
    assertMatch(theirs.error, /unsafe to autocast/);
    const { diagnostics } = ampForward(bce, given);
    assertEquals(diagnostics.length, 1, given);
    assertMatch(`${diagnostics[0].message}`, /bce/);
  }
});

Deno.test("autocast: the tables name cases, and where a class differs the library says why", () => {
  for (const fn of Object.keys(WIDER)) assert(cases.some((c) => c.fn === fn), fn);
  for (const id of Object.keys(NOT_COMPARED)) assert(cases.some((c) => c.id === id), id);
  for (const fn of ["mean", "var", "hinge", "bce"]) assertMatch(LIBRARY.get(fn)!.note ?? "", /autocast/i, fn);
  assertMatch(LAYERS.get("Embedding")!.doc, /dtype, as under autocast/);
});
