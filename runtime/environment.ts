/** What the host runtime is and what it lets this process read. Nothing here prompts or throws. */

/** Deno's part that this module needs, present under Deno alone. */
interface DenoLike {
  readonly env: { get(name: string): string | undefined };
  readonly permissions: {
    querySync(d: { name: string; variable?: string; path?: string }): { readonly state: string };
  };
}

interface ProcessLike {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: string;
  readonly versions?: Readonly<Record<string, string | undefined>>;
}

const globals = globalThis as {
  readonly Deno?: DenoLike;
  readonly Bun?: unknown;
  readonly process?: ProcessLike;
};

export type HostRuntime = "deno" | "bun" | "node" | "browser";

export const hostRuntime: HostRuntime = globals.Deno
  ? "deno"
  : globals.Bun
  ? "bun"
  : globals.process?.versions?.node
  ? "node"
  : "browser";

/** Whether Deno grants a permission without asking; other runtimes have no permissions and grant everything. */
export function isGranted(name: "env" | "ffi" | "read" | "write" | "net", detail?: string): boolean {
  if (!globals.Deno) return true;
  const where = detail === undefined ? {} : name === "env" ? { variable: detail } : { path: detail };
  try {
    return globals.Deno.permissions.querySync({ name, ...where }).state === "granted";
  } catch {
    return false;
  }
}

/** An environment variable; undefined where it is unset, empty, or Deno does not grant reading it. */
export function readEnv(name: string): string | undefined {
  if (globals.Deno) return (isGranted("env", name) && globals.Deno.env.get(name)) || undefined;
  return globals.process?.env?.[name] || undefined;
}

/** The operating system as Node names it ("linux", "darwin", "win32"), or undefined in a page. */
export function platform(): string | undefined {
  return globals.process?.platform;
}
