/**
 * Runs `deno test` as a process and reads its output.
 *
 * @module
 */

/** How many tests ended how. */
export interface TestCounts {
  passed: number;
  failed: number;
  ignored: number;
}

/** Reads the last summary line of `deno test`; undefined where there is none (it crashed, or found no tests). */
export function parseSummary(output: string): TestCounts | undefined {
  const summaries = stripAnsi(output).matchAll(
    /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/gm,
  );
  const last = [...summaries].at(-1);
  return last && { passed: Number(last[1]), failed: Number(last[2]), ignored: Number(last[3] ?? 0) };
}

/** Without colours. */
export function stripAnsi(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m/g, "");
}

/** The lines to show in a quiet run: not those of tests and steps that passed, nor the headings of modules. */
export function isNews(line: string): boolean {
  return !/ \.\.\. ok \([\d.]+\S*\)\s*$|^running \d+ tests? from /.test(stripAnsi(line));
}

/** Runs Deno with `args`, writes its output as it comes (in a quiet run: the news), and gives all of its stdout. */
export async function runFiltered(
  args: readonly string[],
  env: Record<string, string>,
  { quiet, write }: { quiet: boolean; write: (text: string) => void },
): Promise<{ code: number; output: string }> {
  const colour: Record<string, string> = Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" };
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: { ...colour, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  });
  const child = command.spawn();
  let output = "", pending = "", blank = false;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    if (!quiet) {
      write(text);
      continue;
    }
    const lines = (pending + text).split("\n");
    pending = lines.pop()!;
    for (const line of lines.filter(isNews)) {
      if (line !== "" || !blank) write(line + "\n");
      blank = line === "";
    }
  }
  if (pending) write(pending + "\n");
  return { code: (await child.status).code, output };
}
