import { assert, assertEquals, assertMatch, assertNotMatch, assertThrows } from "../tests/assert.ts";
import { gpuDevices, TEST_DEVICES } from "../tests/support/devices.ts";
import { parseArgs, runTests } from "./run_tests.ts";
import { isNews, parseSummary, stripAnsi } from "./test_process.ts";

Deno.test("test process: the summary line is read, with steps, ignored tests and colours", () => {
  assertEquals(parseSummary("\nok | 35 passed | 0 failed (16ms)\n"), { passed: 35, failed: 0, ignored: 0 });
  assertEquals(
    parseSummary(
      "x\nFAILED | 1 passed (1 step) | 2 failed (1 step) | 4 ignored (95ms)\n\nerror: Test failed",
    ),
    { passed: 1, failed: 2, ignored: 4 },
  );
  const coloured = "\x1b[0m\x1b[32mok\x1b[0m | 7 passed | 0 failed \x1b[0m\x1b[38;5;245m(16ms)\x1b[0m\n";
  assertEquals(parseSummary(coloured), { passed: 7, failed: 0, ignored: 0 });
  assertEquals(stripAnsi(coloured), "ok | 7 passed | 0 failed (16ms)\n");
});

Deno.test("test process: a text that only quotes a summary is none", () => {
  assertEquals(parseSummary("said: ok | 35 passed | 0 failed (16ms)"), undefined);
  assertEquals(parseSummary("error: Module not found"), undefined);
});

Deno.test("test process: a quiet run leaves out what passed, and nothing else", () => {
  assert(!isNews("adapter: opens ... ok (61ms)"));
  assert(!isNews("  step ... \x1b[32mok\x1b[0m (1m20s)"));
  assert(!isNews("running 2 tests from ./tests/gpu/adapter_test.ts"));
  assert(isNews("adapter: opens ... FAILED (61ms)"));
  assert(isNews("adapter: opens ... ignored (0ms)"));
  assert(isNews("error: Module not found"));
});

Deno.test("run tests: arguments are devices, paths that exist, and flags for deno test", () => {
  const options = parseArgs(["--device=cpu,lavapipe", "tools", "--filter=nothing", "--quiet"]);
  assertEquals(options.devices.map(({ name }) => name), ["cpu", "lavapipe"]);
  assertEquals([options.paths, options.flags, options.quiet], [["tools"], ["--filter=nothing"], true]);
  assertEquals(parseArgs([]).devices, TEST_DEVICES);
  assertThrows(
    () => parseArgs(["--device=toaster"]),
    Error,
    "no test device 'toaster'; there are: cpu, lavapipe",
  );
});

/** Runs a folder holding one test file with `text`, as `deno task test FOLDER` would, and keeps the output. */
async function runFile(text: string) {
  let output = "";
  const folder = await Deno.makeTempDir({ prefix: "mpt-run-" });
  try {
    await Deno.writeTextFile(`${folder}/x_test.ts`, text);
    const write = (text: string) => void (output += text);
    const counts = await runTests({ ...parseArgs(["--device=cpu", "--quiet"]), paths: [folder], write });
    return { counts, output };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("run tests: passes, failures and skips are counted", async () => {
  const text =
    'Deno.test("a", () => {}); Deno.test.ignore("b", () => {}); Deno.test("c", () => { throw 1; });';
  const { counts, output } = await runFile(text);
  assertEquals(counts, { passed: 1, failed: 1, ignored: 1 });
  assertMatch(output, /=> c \.\.\. FAILED/);
  assertNotMatch(output, /=> a \.\.\./);
  assertMatch(output, /^cpu +1 passed, 1 failed, 1 ignored in [\d.]+ s/m);
});

Deno.test("run tests: a process that dies counts as a failure", async () => {
  const text = 'Deno.test("a", () => Deno.kill(Deno.pid, "SIGKILL"));';
  assertEquals((await runFile(text)).counts, { passed: 0, failed: 1, ignored: 0 });
});

Deno.test("run tests: a missing device is skipped, unless MPT_REQUIRE names it", async () => {
  const nowhere = {
    ...gpuDevices()[0],
    name: "hardware",
    drivers: ["/nowhere.json"],
    install: "buy one",
  } as const;
  let output = "";
  const options = { ...parseArgs([]), devices: [nowhere], write: (text: string) => void (output += text) };
  assertEquals(await runTests(options, new Set()), { passed: 0, failed: 0, ignored: 0 });
  assertMatch(output, /^hardware +skipped: no driver at \/nowhere.json; buy one$/m);
  assertEquals(await runTests(options, new Set(["hardware"])), { passed: 0, failed: 1, ignored: 0 });
  assertMatch(output, /^hardware +FAILED \(MPT_REQUIRE names it\): /m);
});
