import { readFileSync } from "node:fs";
import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
} from "../tests/assert.ts";
import { compile } from "./compile.ts";
import { TARGETS } from "./core/target.ts";
import { planToJson, printPlan } from "./inspect_plan.ts";
import { memoryPlan, PARTS } from "./memory.ts";

const text = readFileSync(new URL("../examples/mnist/mlp.mpt", import.meta.url), "utf8");
const { bundle } = compile({ file: "mlp.mpt", text }, { target: TARGETS["h100-dawn"] });
const program = bundle!.program("step", { N: 128 });
const plan = memoryPlan(program, bundle!.state);

Deno.test("plan: the parts are what they are called", () => {
  assertEquals(PARTS.reduce((sum, p) => sum + plan.parts[p], 0), plan.total);
  const bytes = (names: RegExp) =>
    bundle!.state.buffers.reduce((sum, b) => sum + (names.test(b.name) ? b.bytes : 0), 0);
  assertEquals(plan.parts.weights, bytes(/^param/));
  assertEquals(plan.parts.copies, bytes(/^copy/));
  assertEquals(plan.parts.moments, bytes(/^adam\.[mv]/));
  assertEquals(plan.parts.gradients, bytes(/^grads/));
  assert(plan.parts.weights > 0 && plan.parts.moments === 2 * plan.parts.weights);
  // relu's result waits for the backward pass, 128 × 64 f16.
  assertLessOrEqual(128 * 64 * 2, plan.parts.activations);
  assert(plan.tensors.some((t) => t.kept && t.type === "f16[128, 64]"));
});

Deno.test("plan: tensors of one buffer follow one another, and the peak is where most are alive", () => {
  for (const [i, b] of program.buffers.entries()) {
    const inside = plan.tensors.filter((t) => t.buffer === i);
    assertEquals(inside.length > 0, b.role === "temp", b.name);
    inside.forEach((t, k) => {
      assertLessOrEqual(t.bytes, b.bytes);
      assertLess(t.first, t.last);
      if (k > 0) assertLess(inside[k - 1].last, t.first);
    });
  }
  const alive = program.dispatches.map((_, i) =>
    plan.tensors.reduce((sum, t) => sum + (t.first <= i && i <= t.last ? t.bytes : 0), 0)
  );
  assertEquals(plan.peak, { dispatch: alive.indexOf(Math.max(...alive)), bytes: Math.max(...alive) });
  assertLessOrEqual(plan.peak!.bytes, plan.parts.activations + plan.parts.workspace);
});

Deno.test("plan: masters and moments are updated in place, and the table says so", () => {
  for (const { name, inPlace, writtenBy } of plan.state) {
    if (/^(param|adam)/.test(name)) assertEquals([inPlace, inPlace.length > 0], [writtenBy, true], name);
    if (/^copy/.test(name)) assertEquals(inPlace, [], name);
  }
  const shown = printPlan(program, bundle!.state);
  assertMatch(shown, /^plan of step N=128: [\d.]+ MiB, \d+ dispatches/);
  for (const p of PARTS) assertStringIncludes(shown, `\n  ${p} `);
  assertStringIncludes(shown, `${plan.total} bytes`);
  const json = JSON.parse(JSON.stringify(planToJson(program, bundle!.state)));
  assertEquals(json.total, plan.total);
  assertEquals(json.peak.kernel, program.kernels[program.dispatches[plan.peak!.dispatch].kernel].name);
});
