/**
 * Checks the shape of the house: imports run one way and in no circle, `compiler/` and `kernels/` touch nothing outside
 * themselves (GPU, filesystem, clock, chance), and no file outgrows its room.
 *
 * `deno run -A tools/layering.ts` prints every violation and exits with 1 if there is one.
 *
 * @module
 */
import { findCircles } from "./circles.ts";
import { readTree, type SourceFile } from "./source_tree.ts";

/** The compiler's stages, in order: one may import from any tier before its own. */
const TIERS: readonly (readonly string[])[] = [
  ["compiler/core"],
  ["compiler/syntax", "compiler/ir"],
  ["compiler/ops"],
  ["compiler/layers"],
  ["compiler/check"],
  ["compiler/lower"],
  ["compiler/passes"],
  ["compiler/emit"],
  ["compiler"], // the files directly in it, compile.ts above all
];

/** What may be imported beyond the tiers; for areas outside them, all that may be. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  "compiler/reference": ["compiler/core", "compiler/ir", "compiler/ops"],
  "kernels": ["compiler/core"],
  "runtime": ["compiler/core"],
  "compiler/emit": ["kernels"],
  "compiler": ["kernels", "compiler/reference"],
  "host.ts": [...TIERS.flat(), "runtime"],
  "mod.ts": [...TIERS.flat(), "compiler/reference", "kernels", "runtime", "host.ts"],
};

/** These may import anything, and nothing above may import them. */
const FREE: ReadonlySet<string> = new Set([
  "cli",
  "web",
  "editors",
  "bench",
  "tools",
  "docs",
  "examples",
  "tests",
]);

/** The npm packages that an area of the library may use; the free areas may use any. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "compiler/syntax": ["chevrotain"],
  "runtime": ["webgpu"],
};

/** Areas whose every result must follow from their arguments alone. */
const PURE = /^(compiler|kernels)$/;

/** The globals by which code reaches outside; as members of something else (`span.process`) they are ordinary names. */
const IMPURE = new RegExp(
  "(?<![.\\w$])(?:" + [
    String.raw`(?:Deno|Bun|process|navigator|performance|crypto|console|globalThis|Date)(?=\s*[.[])`,
    String.raw`(?:Date|fetch|setTimeout|setInterval|setImmediate)(?=\s*\()`,
    String.raw`new\s+(?:Date|Worker)\b|Math\.random\b|GPU[A-Z]\w*`,
  ].join("|") + ")",
  "g",
);

/** The length of a file, in lines, at which it is time to ask whether it is one room or several. */
const MAX_LINES = 400;

/** Files that may be longer, each with the reason. An entry that is no longer needed is a violation itself. */
const LONGER: Readonly<Record<string, { lines: number; reason: string }>> = {};

/** One thing wrong with one file. */
export interface Violation {
  readonly path: string;
  /** Counted from 1; absent where the whole file is meant. */
  readonly line?: number;
  readonly rule: "order" | "circle" | "purity" | "package" | "length";
  readonly message: string;
}

/** Everything wrong with the tree, in the order of the paths. */
export function violations(files: readonly SourceFile[], longer = LONGER): Violation[] {
  const found = files.flatMap((file) => [...order(file), ...packages(file), ...purity(file)]);
  found.push(...lengths(files, longer), ...circles(files));
  return found.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : (a.line ?? 0) - (b.line ?? 0)));
}

/** The area a path is in: a folder of `compiler/`, else the first folder, else the file itself. */
export function areaOf(path: string): string {
  const [first, second, ...rest] = path.split("/");
  return first === "compiler" && rest.length > 0 ? `compiler/${second}` : first;
}

const isTest = (path: string) => path.endsWith("_test.ts") || areaOf(path) === "tests";

function order(file: SourceFile): Violation[] {
  const area = areaOf(file.path), allowed = allowedFor(area);
  if (!allowed) {
    const message = `${area} has no place in the order of imports: give it one in tools/layering.ts`;
    return [{ path: file.path, rule: "order", message }];
  }
  const out: Violation[] = [];
  for (const { target, line } of file.imports) {
    if (target === undefined || isTest(file.path)) continue;
    const to = areaOf(target);
    const at = { path: file.path, line, rule: "order" } as const;
    if (isTest(target) && !FREE.has(area)) {
      out.push({ ...at, message: `imports ${target}, whose name makes it a test` });
    } else if (allowed !== "anything" && to !== area && !allowed.has(to)) {
      out.push({ ...at, message: `${area} may not import from ${to} (${target})` });
    }
  }
  return out;
}

function allowedFor(area: string): ReadonlySet<string> | "anything" | undefined {
  if (FREE.has(area)) return "anything";
  const tier = TIERS.findIndex((names) => names.includes(area));
  if (tier < 0 && !(area in ALSO)) return undefined;
  return new Set([...TIERS.slice(0, Math.max(tier, 0)).flat(), ...(ALSO[area] ?? [])]);
}

function packages(file: SourceFile): Violation[] {
  const area = areaOf(file.path);
  if (FREE.has(area) || isTest(file.path)) return [];
  const used = file.imports.filter(({ specifier }) => !/^(\.|node:|file:)/.test(specifier));
  return used
    .map(({ specifier, line }) => ({ name: packageName(specifier), line }))
    .filter(({ name }) => !PACKAGES[area]?.includes(name))
    .map(({ name, line }) => ({
      path: file.path,
      line,
      rule: "package",
      message: `${area} may not use package ${name}`,
    }));
}

/** `npm:@scope/name@1.2.3/path` → `@scope/name`. */
function packageName(specifier: string): string {
  return /^(?:\w+:)?((?:@[^/]+\/)?[^/@]+)/.exec(specifier)?.[1] ?? specifier;
}

function purity(file: SourceFile): Violation[] {
  if (!PURE.test(file.path.split("/")[0]) || isTest(file.path)) return [];
  const modules = file.imports
    .filter(({ specifier }) => specifier.startsWith("node:"))
    .map(({ specifier, line }) => ({ line, what: specifier }));
  const code = codeOnly(file.text);
  const names = [...code.matchAll(IMPURE)].map(({ 0: what, index }) => ({
    line: code.slice(0, index).split("\n").length,
    what,
  }));
  return [...modules, ...names].map(({ line, what }) => ({
    path: file.path,
    line,
    rule: "purity",
    message: `${what} reaches outside the compiler: pass in what it gives as an argument`,
  }));
}

/** The text with comments, strings and regular expressions blanked; lines and what `${}` holds stay. */
export function codeOnly(text: string): string {
  const literal =
    /\/\/.*|\/\*[^]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[^]|[^`\\])*`|(?<=(?:[(,=:[!&|?{};\n]|=>|return)\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/\w*/g;
  return text.replace(literal, (match) => {
    const holes = match[0] === "`"
      ? [...match.matchAll(/\$\{([^}]*)\}/g)].map((hole) => hole[1]).join(";")
      : "";
    return holes + "\n".repeat(Math.max(0, match.split("\n").length - holes.split("\n").length));
  });
}

function lengths(files: readonly SourceFile[], longer: typeof LONGER): Violation[] {
  const out: Violation[] = [];
  const lines = new Map(
    files.map(({ path, text }) => [path, text.split("\n").length - (text.endsWith("\n") ? 1 : 0)]),
  );
  for (const [path, count] of lines) {
    const limit = longer[path]?.lines ?? MAX_LINES;
    if (count > limit) {
      out.push({
        path,
        rule: "length",
        message: `has ${count} lines, and ${limit} is the limit: is it one room, or several?`,
      });
    }
  }
  for (const path of Object.keys(longer)) {
    if ((lines.get(path) ?? 0) > MAX_LINES) continue;
    out.push({
      path,
      rule: "length",
      message: "needs no entry for its length any more: remove it from tools/layering.ts",
    });
  }
  return out;
}

function circles(files: readonly SourceFile[]): Violation[] {
  const edges = new Map(
    files.map(({ path, imports }) => [path, imports.flatMap(({ target }) => target ?? [])]),
  );
  return findCircles(edges).map((circle) => ({
    path: circle[0],
    rule: "circle",
    message: `imports itself: ${[...circle, circle[0]].join(" → ")}`,
  }));
}

if (import.meta.main) {
  try {
    const files = await readTree(Deno.cwd());
    const found = violations(files);
    for (const { path, line, message } of found) {
      console.error(`${path}${line ? `:${line}` : ""}: ${message}`);
    }
    console.error(
      found.length > 0 ? `\n${found.length} in ${files.length} files` : `${files.length} files in order`,
    );
    Deno.exit(found.length > 0 ? 1 : 0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(2);
  }
}
