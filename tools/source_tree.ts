/**
 * Reads the TypeScript files of the project with what each imports, as Deno itself parses and resolves it.
 *
 * @module
 */
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** One import, export-from, `import()` or type import. */
export interface Import {
  readonly specifier: string;
  /** The path of the imported file from the root, with `/`; absent for packages and built-in modules. */
  readonly target?: string;
  /** Counted from 1. */
  readonly line: number;
}

/** A file of the project; `path` is from the root, with `/`. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const SKIPPED = /^(node_modules|out|\..*)$/;

/** Reads every `.ts` and `.tsx` file under `root`. @throws Error if Deno cannot parse one */
export async function readTree(root: string): Promise<SourceFile[]> {
  const paths = [...listFiles(root, "")].sort();
  const graph = await moduleGraph(root, paths);
  return paths.map((path) => {
    const module = graph.get(pathToFileURL(join(root, path)).href);
    if (module?.error) throw new Error(module.error);
    const imports = (module?.dependencies ?? []).map(({ specifier, code, type }): Import => {
      const resolved = code?.specifier ?? type?.specifier;
      const line = ((code ?? type)?.span?.start.line ?? 0) + 1;
      if (!resolved?.startsWith("file:") || resolved.includes("/node_modules/")) return { specifier, line };
      return { specifier, line, target: relative(root, fileURLToPath(resolved)).replaceAll("\\", "/") };
    });
    return { path, text: Deno.readTextFileSync(join(root, path)), imports };
  });
}

function* listFiles(root: string, folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(join(root, folder))) {
    const path = folder ? `${folder}/${name}` : name;
    if (isDirectory && !SKIPPED.test(name)) yield* listFiles(root, path);
    else if (!isDirectory && /\.tsx?$/.test(name)) yield path;
  }
}

/** What `deno info --json` says of a module, as far as it is used here. */
interface ModuleInfo {
  specifier: string;
  error?: string;
  dependencies?: { specifier: string; code?: Resolution; type?: Resolution }[];
}
interface Resolution {
  specifier?: string;
  span?: { start: { line: number } };
}

async function moduleGraph(root: string, paths: readonly string[]): Promise<Map<string, ModuleInfo>> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const lines = paths.map((path) => `import ${JSON.stringify(pathToFileURL(join(root, path)).href)};`);
    await Deno.writeTextFile(entry, lines.join("\n"));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", entry],
      cwd: root,
      stdin: "null",
    });
    const { success, stdout, stderr } = await child.output();
    if (!success) throw new Error(`deno info failed: ${new TextDecoder().decode(stderr)}`);
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: ModuleInfo[] };
    return new Map(modules.map((module) => [module.specifier, module]));
  } finally {
    await Deno.remove(entry);
  }
}
