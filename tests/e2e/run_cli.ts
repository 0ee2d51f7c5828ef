/** The command line as a black box: a process, its exit code and what it says. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertNotMatch } from "../assert.ts";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `mpt` with these arguments on the CPU executor. */
export async function mpt(args: readonly string[], env: Record<string, string> = {}): Promise<Said> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // Quiet: on a fresh machine Deno tells of what it downloads, among what mpt says.
    args: ["run", "-A", "--no-check", "--quiet", MAIN, ...args],
    env: { MPT_DEVICE: "cpu", NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** Runs `mpt`, which must succeed and complain of nothing. */
export async function mptOk(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await mpt(args);
  assertEquals([code, stderr], [0, ""], `mpt ${args.join(" ")}`);
  return stdout;
}

/** Runs `mpt`, which must refuse with this exit code and say what is wrong in words, without a stack trace. */
export async function mptRefuses(args: readonly string[], exit: number): Promise<string> {
  const { code, stdout, stderr } = await mpt(args);
  const name = `mpt ${args.join(" ")}`;
  assertEquals(code, exit, `${name}\n${stderr}`);
  assert(stderr.trim().length > 0, `${name} says nothing`);
  assertNotMatch(stderr, /^\s+at .*(\.ts|<anonymous>|node:)/m, name);
  assertNotMatch(stderr, /\bfile:\/\/|\w+Error:|a fault of mpt's own/, name);
  assertNotMatch(stdout, /error/i, name);
  return stderr;
}

/** A folder with a space in its name. */
export interface Folder {
  path(name: string): string;
  write(name: string, data: string | Uint8Array): string;
}

/** A folder of its own for a test, gone afterwards. */
export async function inFolder(fn: (folder: Folder) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "mpt e2e "));
  const path = (name: string) => join(root, name);
  try {
    await fn({
      path,
      write(name, data) {
        writeFileSync(path(name), data);
        return path(name);
      },
    });
  } finally {
    rmSync(root, { recursive: true });
  }
}
