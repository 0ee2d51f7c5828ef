/**
 * Path rules: `blocks.*.ln*`. A segment is a literal, a partial glob (`ln*`), `*` (one segment) or `**` (any number).
 * A rule covers the subtree of what it matches.
 */
export interface Glob {
  readonly text: string;
  readonly segments: readonly string[];
}

export type Path = readonly string[];

/** The glob of a quoted key, or what is wrong with it. */
export function parseGlob(text: string): Glob | string {
  const segments = text.split(".");
  for (const s of segments) {
    if (s === "") return "a path has a name, *, or ** between its dots";
    if (!/^[A-Za-z0-9_*]+$/.test(s)) return `"${s}" is no part of a path: names, numbers, * and ** are`;
    if (s !== "**" && s.includes("**")) return "** stands for whole segments, alone between its dots";
  }
  if (segments.length > 64) return "a path rule has at most 64 segments";
  return { text, segments };
}

function matchSegment(pattern: string, name: string): boolean {
  if (pattern === "*") return true;
  if (!pattern.includes("*")) return pattern === name;
  // Each part must follow the one before; the first and last are anchored.
  const parts = pattern.split("*");
  if (!name.startsWith(parts[0])) return false;
  let at = parts[0].length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  const last = parts[parts.length - 1];
  return name.length - last.length >= at && name.endsWith(last);
}

/** Whether the glob matches the whole path. */
export function matches(glob: Glob, path: Path): boolean {
  return reached(glob, path)[path.length] ?? false;
}

/** Whether the glob matches the path or something that the path stands under. */
export function covers(glob: Glob, path: Path): boolean {
  return reached(glob, path).indexOf(true, 1) >= 0;
}

/** `[j]`: whether the glob matches the first j segments of the path. */
function reached(glob: Glob, path: Path): boolean[] {
  const first = glob.segments[0];
  if (!first.includes("*") && first !== path[0]) return [];
  // reach[j]: the segments so far match path[0..j).
  let reach = new Array<boolean>(path.length + 1).fill(false);
  reach[0] = true;
  for (const s of glob.segments) {
    const next = new Array<boolean>(path.length + 1).fill(false);
    if (s === "**") {
      let seen = false;
      for (let j = 0; j <= path.length; j++) next[j] = seen ||= reach[j];
    } else {
      for (let j = 0; j < path.length; j++) next[j + 1] = reach[j] && matchSegment(s, path[j]);
    }
    reach = next;
  }
  return reach;
}

/** Literal 3, partial glob 2, `*` 1, `**` or nothing 0. */
function rank(segment: string | undefined): number {
  if (segment === undefined || segment === "**") return 0;
  return segment === "*" ? 1 : segment.includes("*") ? 2 : 3;
}

/** Positive where `a` is more specific: segments are compared from the left, the first difference decides. */
export function compareGlobs(a: Glob, b: Glob): number {
  const n = Math.max(a.segments.length, b.segments.length);
  for (let i = 0; i < n; i++) {
    const d = rank(a.segments[i]) - rank(b.segments[i]);
    if (d !== 0) return d;
  }
  return 0;
}

/** Of the rules that cover the path, the most specific; of equals the last written. */
export function winner<R extends { readonly glob: Glob }>(rules: readonly R[], path: Path): R | undefined {
  let best: R | undefined;
  for (const rule of rules) {
    if (covers(rule.glob, path) && (!best || compareGlobs(rule.glob, best.glob) >= 0)) best = rule;
  }
  return best;
}
