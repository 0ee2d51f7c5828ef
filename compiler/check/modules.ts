import type { Module } from "./values.ts";
import { closest } from "../core/closest.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import type { Source } from "../core/span.ts";
import { withPrecision } from "../syntax/one_precision.ts";
import { parse } from "../syntax/parse.ts";
import type { ImportDecl, Name } from "../syntax/ast.ts";
import type { Reporter } from "./report.ts";
import { label, replace } from "./report.ts";
import { inner } from "./scope.ts";

export type Resolve = (path: string, from: string) => Source | undefined;

/** Files that import files, as deep as this. */
const MOST_FILES = 200;

/**
 * Loads the entry and what it imports, the entry first. Files may import each other in a circle. `precision`, where it
 * is given, takes the place of every annotation.
 */
export function loadModules(
  entry: Source,
  resolve: Resolve,
  report: Reporter,
  precision?: string,
): Module[] {
  const modules = new Map<string, Module>();
  const waiting: { module: Module; decl: ImportDecl; from?: Module }[] = [];

  const load = (source: Source): Module => {
    const known = modules.get(source.file);
    if (known) return known;
    const parsed = parse(source);
    for (const d of parsed.diagnostics) report.add(d);
    const { decls } = precision ? withPrecision(parsed.file, precision) : parsed.file;
    const of = <K extends typeof decls[number]["kind"]>(kind: K) =>
      decls.filter((d): d is Extract<typeof d, { kind: K }> => d.kind === kind);
    const module: Module = {
      source,
      scope: inner(),
      models: of("model"),
      fns: of("fn"),
      consts: of("const"),
      policies: of("policy"),
      trains: of("train"),
      exports: new Set(decls.flatMap((d) => d.kind === "import" || d.kind === "train" ? [] : [d.name.text])),
      broken: parsed.diagnostics.some((d: Diagnostic) => d.severity === "error"),
    };
    modules.set(source.file, module);
    const declared = new Map<string, Name>();
    const declare = (name: Name): boolean => {
      const first = declared.get(name.text);
      if (!first) declared.set(name.text, name);
      else alreadyDeclared(report, name, first);
      return !first;
    };
    for (const d of decls) {
      const span = "name" in d ? d.name.span : d.span;
      if (d.kind === "import") {
        for (const name of d.names) {
          if (!declare(name)) continue;
          // Until it is found, the name is known and silent.
          module.scope.names.set(name.text, { kind: "value", value: { kind: "poison" }, span: name.span });
        }
        waiting.push({ module, decl: d });
      } else if (d.kind === "train" || !declare(d.name)) {
        continue;
      } else if (d.kind === "const") {
        module.scope.names.set(d.name.text, { kind: "const", decl: d, module, span, state: "unread" });
      } else if (d.kind === "policy") {
        module.scope.names.set(d.name.text, { kind: "policy", decl: d, module, span });
      } else if (d.kind === "fn") {
        module.scope.names.set(d.name.text, { kind: "value", value: { kind: "fn", decl: d, module }, span });
      } else {
        module.scope.names.set(d.name.text, {
          kind: "value",
          value: { kind: "model", decl: d, module },
          span,
        });
      }
    }
    return module;
  };

  load(entry);
  for (let i = 0; i < waiting.length; i++) {
    const { module, decl } = waiting[i];
    if (modules.size >= MOST_FILES) {
      report.error("MPT0502", {
        message: `a program has at most ${MOST_FILES} files`,
        labels: [label(decl.from.span, "one file too many")],
      });
      break;
    }
    const source = resolve(decl.from.text, module.source.file);
    if (!source) {
      report.error("MPT0222", {
        message: `there is no file ${JSON.stringify(decl.from.text)}`,
        labels: [label(decl.from.span, "not found")],
        help: `a path is taken from the folder of ${module.source.file}`,
      });
      continue;
    }
    const from = load(source);
    for (const name of decl.names) link(report, module, from, name, decl);
  }
  return [...modules.values()];
}

function link(report: Reporter, module: Module, from: Module, name: Name, decl: ImportDecl): void {
  if (from.exports.has(name.text)) {
    const entry = from.scope.names.get(name.text);
    if (entry && module !== from) module.scope.names.set(name.text, entry);
    return;
  }
  if (from.broken) return;
  const near = closest(name.text, from.exports);
  report.error("MPT0223", {
    message: `${JSON.stringify(decl.from.text)} declares no ${name.text}`,
    labels: [label(name.span, near ? `did you mean ${near}?` : "not declared there")],
    help: from.exports.size > 0
      ? `it declares ${[...from.exports].slice(0, 8).join(", ")}`
      : "it declares nothing that can be imported",
    edit: near ? replace(`import ${near}`, name.span, near) : undefined,
  });
}

export function alreadyDeclared(report: Reporter, name: Name, first: Name): void {
  report.error("MPT0202", {
    message: `${name.text} is declared twice`,
    labels: [label(name.span, "again"), label(first.span, "first")],
    help: "give one of them another name",
  });
}
