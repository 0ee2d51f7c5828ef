import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch } from "../assert.ts";
import { mpt, mptOk } from "./run_cli.ts";

/** `--timings`: the stages of compiling, measured. */

const MLP = fileURLToPath(new URL("../../examples/mnist/mlp.mpt", import.meta.url));
const inspect = ["inspect", MLP, "--dims", "N=64", "--target", "h100-dawn", "--timings"];

interface Row {
  readonly stage: string;
  readonly entry?: string;
  readonly runs: number;
  readonly milliseconds: number;
  readonly share: number;
  readonly makes?: string;
}

Deno.test("--timings tells every stage on stderr and leaves stdout alone", async () => {
  const [timed, plain] = await Promise.all([mpt(inspect), mptOk(inspect.slice(0, -1))]);
  assertEquals([timed.code, timed.stdout], [0, plain]);
  for (const stage of ["parse", "check", "plan", "  lower", "  autodiff", "  fuse", "  render", "in all"]) {
    assertMatch(timed.stderr, new RegExp(`^${stage} +\\d+\\.\\d`, "m"));
  }
});

Deno.test("--timings --json: a row a stage, in order, beside what the command prints", async () => {
  const told = JSON.parse(await mptOk([...inspect, "--json"]));
  assert(told.kernels.length > 0);
  const rows: Row[] = told.timings;
  const names = rows.map((r) => r.stage);
  const some = ["parse", "check", "plan", "lower", "casts", "cse", "fuse", "schedule", "memory", "render"];
  assertEquals(names.filter((n) => some.includes(n)), some);
  assert(rows.every((r) => r.milliseconds >= 0 && r.runs >= 1));
  assertEquals(Math.round(1e6 * rows.reduce((sum, r) => sum + r.share, 0)), 1e6);
  assertEquals(rows.find((r) => r.stage === "render")!.makes, `${told.kernels.length} shaders`);
  assertEquals(rows.find((r) => r.stage === "fuse")!.entry, "step");
  const checked = JSON.parse(await mptOk(["check", MLP, "--timings", "--json"]));
  assertEquals(checked.timings.map((r: Row) => r.stage), ["parse", "check"]);
});
