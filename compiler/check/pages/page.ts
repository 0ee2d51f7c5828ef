/** What `mpt explain CODE` tells. The examples are run by the tests: the bad one gives the code, the good one nothing. */
export interface Page {
  readonly code: string;
  /** One line, as in a table of contents. */
  readonly title: string;
  readonly why: string;
  /** Absent where no short program has the fault. */
  readonly bad?: Example;
  readonly good?: Example;
}

export interface Example {
  readonly text: string;
  /** What is shown in place of a text that only its length makes wrong. */
  readonly shown?: string;
  /** Files that the text imports. */
  readonly files?: Readonly<Record<string, string>>;
  /** The program is also bound, at these dims. */
  readonly dims?: Readonly<Record<string, number>>;
  /** The program's step is compiled for a limit of memory, at these dims. */
  readonly memory?: string;
}

type Written = string | Example;

export function page(code: string, title: string, why: string, bad?: Written, good?: Written): Page {
  const example = (w: Written | undefined) =>
    w === undefined ? undefined : typeof w === "string" ? { text: trim(w) } : { ...w, text: trim(w.text) };
  return { code, title, why: why.replace(/\s*\n\s*/g, " ").trim(), bad: example(bad), good: example(good) };
}

/** Without the blank line in front and the indentation that all lines share. */
function trim(text: string): string {
  const lines = text.replace(/^\n/, "").trimEnd().split("\n");
  const indents = lines.filter((l) => l.trim()).map((l) => l.length - l.trimStart().length);
  const least = Math.min(...indents);
  return lines.map((l) => l.slice(least)).join("\n") + "\n";
}

/** A model around one line of forward, for examples about expressions. */
export function forward(line: string, items = "", input = "x: float[N, 4]", result = "float[N, 4]"): string {
  return `model M {\n${items ? `  ${items}\n` : ""}  forward(${input}) -> ${result} {\n    ${line}\n  }\n}\n`;
}

/** A train block around some lines, for examples about fields. */
export function train(lines: string, batch = "x: f32[N, 4], y: i32[N]"): string {
  const body = lines.split("\n").map((l) => `  ${l.trim()}`).join("\n");
  return `model M {\n  layer fc = Linear(4, 2)\n  forward(x: float[N, 4]) -> float[N, 2] { return fc(x) }\n}\n` +
    `train M {\n  batch(${batch})\n${body}\n}\n`;
}
