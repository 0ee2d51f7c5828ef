import { readFileSync } from "node:fs";
import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertThrows,
} from "../tests/assert.ts";
import { compile } from "./compile.ts";
import type { CompileOptions } from "./compile.ts";
import { DiagnosticError } from "./core/diagnostic.ts";
import type { Program } from "./core/program.ts";
import { TARGET_LAVAPIPE } from "./core/target.ts";
import { memoryPlan } from "./memory.ts";

const example = (name: string) => readFileSync(new URL(`../examples/${name}`, import.meta.url), "utf8");
const TINY = example("gpt/tiny.mpt");
const dims = { B: 16 };

function tiny(options: CompileOptions, entry: "step" | "predict" | "init" = "step"): [Program, number] {
  const resolve = (path: string) =>
    path === "gpt.mpt" ? { file: path, text: example("gpt/gpt.mpt") } : undefined;
  const { bundle, diagnostics } = compile({ file: "tiny.mpt", text: TINY }, { resolve, ...options });
  assert(bundle, diagnostics.map((d) => d.message).join("\n"));
  const program = bundle.program(entry, entry === "init" ? {} : entry === "step" ? dims : { ...dims, T: 64 });
  return [program, memoryPlan(program, bundle.state).total];
}

Deno.test("memory: a limit above what is needed changes nothing", () => {
  const [free, total] = tiny({});
  for (const memory of [total, `${total}`, "2GiB"]) assertEquals(tiny({ memory })[0], free);
});

Deno.test("memory: under lower limits more is computed again, and each limit is kept", () => {
  const [free, total] = tiny({});
  assertEquals(free.recomputed, undefined);
  let before = total, work = 0;
  for (const share of [0.95, 0.85, 0.7]) {
    const limit = Math.floor(share * total);
    const [program, bytes] = tiny({ memory: limit, verify: true });
    assertLessOrEqual(bytes, limit);
    assertLessOrEqual(bytes, before);
    const chosen = program.recomputed ?? [];
    assert(chosen.length > 0);
    for (const r of chosen) assertMatch(r.why, /^to fit [\d.]+ (KiB|MiB): .*(blocks|tok)/);
    // A light segment counts one, a whole one two: less memory is never bought with less work.
    const now = chosen.reduce((sum, r) => sum + (r.light ? 1 : 2), 0);
    assertLessOrEqual(work, now);
    [before, work] = [bytes, now];
  }
});

Deno.test("memory: the limit holds on a GPU as well, whose Program comes with its shaders", () => {
  const [, total] = tiny({ target: TARGET_LAVAPIPE });
  const [program, bytes] = tiny({ target: TARGET_LAVAPIPE, memory: 0.8 * total });
  assertLessOrEqual(bytes, 0.8 * total);
  for (const k of program.kernels) assert(k.shader, k.name);
});

Deno.test("memory: a limit out of reach is a diagnostic that tells the least, which is in reach", () => {
  const fault = (memory: number, entry?: "predict" | "init") =>
    assertThrows(() => tiny({ memory }, entry), DiagnosticError).diagnostics[0];
  const tight = fault(4 << 20);
  assertEquals([tight.code, tight.severity, tight.expected], ["MPT0607", "error", "at most 4 MiB"]);
  assertMatch(tight.message, /^step cannot run in 4 MiB at B=16$/);
  assertMatch(tight.help!, /smaller batches/);
  const [, bytes] = tiny({ memory: tight.found });
  const [, total] = tiny({});
  assertLess(bytes, 0.75 * total);
  // The State alone is larger than this.
  assertMatch(fault(1 << 20).help!, /State alone/);
  assertEquals(fault(1 << 20, "init").code, "MPT0607");
  assertEquals(fault(1 << 20, "predict").code, "MPT0607");
});

Deno.test("memory: what is no amount is refused", () => {
  for (const memory of ["much", 0, -5, NaN]) assertThrows(() => tiny({ memory }), RangeError, "2GiB");
});

Deno.test("memory: the stages that are seen are those of the Program that is given", () => {
  const [, total] = tiny({});
  const seen: string[] = [];
  const [program] = tiny({ memory: 0.7 * total, observe: (stage) => seen.push(stage) });
  assertEquals(seen.filter((s) => s === "lower").length, 1);
  assertEquals(seen.filter((s) => s === "segments" || s === "recompute"), ["segments", "recompute"]);
  assert(program.recomputed);
});
