/**
 * The gate: formatting, lint, types, the shape of the house, then the tests. Stops at the first stage that fails; the
 * last line is `N passed, N failed`, where a stage other than the tests counts as one failure. CI runs exactly this.
 *
 *     deno task ok [arguments of deno task test]
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { parseArgs, runTests } from "./run_tests.ts";

const STAGES: readonly { name: string; args: string[]; help: string }[] = [
  { name: "fmt", args: ["fmt", "--check"], help: "run: deno task fmt" },
  { name: "lint", args: ["lint"], help: "mend what it names, or run: deno lint --fix" },
  { name: "check", args: ["check", "."], help: "mend the types" },
  {
    name: "layering",
    args: ["run", "-A", "--no-check", fileURLToPath(new URL("./layering.ts", import.meta.url))],
    help: "the rules are at the head of tools/layering.ts",
  },
];

/** Runs one stage silently; on failure prints what it said. */
async function runStage({ name, args, help }: typeof STAGES[number]): Promise<boolean> {
  const start = performance.now();
  const env: Record<string, string> = Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" };
  const command = new Deno.Command(Deno.execPath(), { args, env, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  console.log(`${name.padEnd(12)}${success ? "ok" : "FAILED"} in ${seconds(start)} s`);
  if (success) return true;
  const decoder = new TextDecoder();
  console.log(`\n${decoder.decode(stdout)}${decoder.decode(stderr)}\n${name} failed: ${help}`);
  return false;
}

const seconds = (start: number) => ((performance.now() - start) / 1000).toFixed(1);

if (import.meta.main) {
  const start = performance.now();
  for (const stage of STAGES) {
    if (await runStage(stage)) continue;
    console.log("0 passed, 1 failed");
    Deno.exit(1);
  }
  const { passed, failed } = await runTests({ ...parseArgs(Deno.args), quiet: true });
  console.log(`${failed > 0 ? "tests failed" : "all in order"} after ${seconds(start)} s`);
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exit(failed > 0 ? 1 : 0);
}
