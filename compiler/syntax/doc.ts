/** Documents that a printer lays out: Wadler's algebra, with comments that end their line. */

/** Text with places where lines may break. A group's lines break all or none. */
export type Doc =
  | string
  | readonly Doc[]
  | { readonly kind: "line"; readonly flat: string; readonly hard: boolean }
  | { readonly kind: "fresh-line" }
  | { readonly kind: "own-line"; readonly text: string; readonly fresh: boolean; readonly blank: boolean }
  | { readonly kind: "indent"; readonly doc: Doc }
  | { readonly kind: "group"; readonly doc: Doc; readonly broken: boolean }
  | { readonly kind: "if-broken"; readonly broken: string }
  | { readonly kind: "comment"; readonly text: string; readonly column: number };

/** A line that was laid out, and the `//` comment at its end. */
export interface Line {
  readonly text: string;
  /** `column` is where the source has it, so that neighbours that were aligned stay so. */
  readonly comment?: { readonly text: string; readonly column: number };
}

/** A space, or a line break. */
export const line: Doc = { kind: "line", flat: " ", hard: false };
/** Nothing, or a line break. */
export const softline: Doc = { kind: "line", flat: "", hard: false };
/** A line break, and so one in every group around it. */
export const hardline: Doc = { kind: "line", flat: "", hard: true };

/** A line break, unless nothing stands on the line yet. */
export const freshline: Doc = { kind: "fresh-line" };

export function indent(...doc: Doc[]): Doc {
  return { kind: "indent", doc };
}

export function group(...doc: Doc[]): Doc {
  return { kind: "group", doc, broken: breaks(doc) };
}

/** A comment that ends its line; on a line of its own if `fresh`, followed by an empty one if `blank`. */
export function ownLine(text: string, fresh: boolean, blank: boolean): Doc {
  return { kind: "own-line", text, fresh, blank };
}

/** Text that is printed where the group around it is broken. */
export function ifBroken(text: string): Doc {
  return { kind: "if-broken", broken: text };
}

/** A `//` comment: it goes to the end of its line, which ends there. */
export function comment(text: string, column: number): Doc {
  return { kind: "comment", text, column };
}

export function join(separator: Doc, docs: readonly Doc[]): Doc[] {
  return docs.flatMap((doc, i) => i === 0 ? [doc] : [separator, doc]);
}

/** Whether a document cannot stand on one line. Comments before it and at its end break nothing in it. */
export function breaks(doc: Doc): boolean {
  return shape(doc).breaks;
}

interface Shape {
  readonly breaks: boolean;
  /** It wants a new line to start on, unless nothing stands before it. */
  readonly startsFresh: boolean;
  readonly endsInComment: boolean;
  readonly empty: boolean;
}

const EMPTY: Shape = { breaks: false, startsFresh: false, endsInComment: false, empty: true };
const FULL: Shape = { ...EMPTY, empty: false };

function shape(doc: Doc): Shape {
  if (typeof doc === "string") return doc === "" ? EMPTY : { ...FULL, breaks: doc.includes("\n") };
  if (isList(doc)) return doc.reduce((before: Shape, d) => after(before, shape(d)), EMPTY);
  switch (doc.kind) {
    case "line":
      return { ...FULL, breaks: doc.hard };
    case "fresh-line":
    case "own-line":
      return { ...EMPTY, startsFresh: true };
    case "indent":
      return shape(doc.doc);
    case "group":
      return { ...shape(doc.doc), breaks: doc.broken };
    case "if-broken":
      return EMPTY;
    case "comment":
      return { ...FULL, endsInComment: true };
  }
}

function after(before: Shape, next: Shape): Shape {
  const startsFresh = before.startsFresh || (before.empty && next.startsFresh);
  const cut = !before.empty && (next.startsFresh || (before.endsInComment && !next.empty));
  return {
    breaks: before.breaks || next.breaks || cut,
    startsFresh,
    endsInComment: next.empty ? before.endsInComment : next.endsInComment,
    empty: before.empty && next.empty,
  };
}

/** The width of a document on one line. */
export function flatWidth(doc: Doc): number {
  if (typeof doc === "string") return width(doc);
  if (isList(doc)) return doc.reduce((sum: number, d) => sum + flatWidth(d), 0);
  switch (doc.kind) {
    case "line":
      return doc.flat.length;
    case "indent":
    case "group":
      return flatWidth(doc.doc);
    default:
      return 0;
  }
}

function isList(doc: Doc): doc is readonly Doc[] {
  return Array.isArray(doc);
}

export function width(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

interface Command {
  readonly doc: Doc;
  readonly indent: number;
  readonly flat: boolean;
}

/** Lays a document out in lines of at most `columns`, where its groups allow that. */
export function layOut(doc: Doc, columns: number): Line[] {
  const lines: Line[] = [];
  const rest: Command[] = [{ doc, indent: 0, flat: false }];
  let text = "";
  let pending: { text: string; column: number } | undefined;
  const newLine = (by: number) => {
    const bare = text.trim() === "";
    lines.push(pending ? { text: bare ? text : text.trimEnd(), comment: pending } : { text: text.trimEnd() });
    text = " ".repeat(by);
    pending = undefined;
  };
  while (rest.length > 0) {
    const { doc, indent, flat } = rest.pop()!;
    if (typeof doc === "string") {
      if (pending && doc !== ",") {
        // The comment has ended its line.
        if (doc.trim() === "") continue;
        newLine(indent);
      }
      const [first, ...more] = doc.split("\n");
      text += first;
      for (const next of more) {
        newLine(0);
        text = next;
      }
    } else if (isList(doc)) {
      for (let i = doc.length - 1; i >= 0; i--) rest.push({ doc: doc[i], indent, flat });
    } else if (doc.kind === "indent") {
      rest.push({ doc: doc.doc, indent: indent + 2, flat });
    } else if (doc.kind === "group") {
      const fit = !doc.broken && (flat || fits(doc.doc, rest, columns - width(text)));
      rest.push({ doc: doc.doc, indent, flat: fit });
    } else if (doc.kind === "line") {
      if (flat && !doc.hard) text += pending ? "" : doc.flat;
      else newLine(indent);
    } else if (doc.kind === "if-broken") {
      if (!flat) text += doc.broken;
    } else if (doc.kind === "fresh-line" || doc.kind === "own-line") {
      const wanted = doc.kind === "fresh-line" || doc.fresh;
      if (wanted && (text.trim() !== "" || pending)) newLine(indent);
      if (doc.kind === "fresh-line") continue;
      rest.push({
        doc: doc.blank ? [doc.text, hardline, hardline] : [doc.text, hardline],
        indent,
        flat: false,
      });
    } else {
      if (pending) newLine(indent);
      pending = doc;
    }
  }
  newLine(0);
  return lines;
}

/** Whether a group's document fits into `room` on one line, with what follows up to the next possible break. */
function fits(doc: Doc, rest: readonly Command[], room: number): boolean {
  const todo: { doc: Doc; flat: boolean }[] = [{ doc, flat: true }];
  let at = rest.length;
  while (room >= 0) {
    let next = todo.pop();
    if (!next) {
      if (at === 0) return true;
      next = rest[--at];
    }
    const { doc, flat } = next;
    if (typeof doc === "string") {
      const end = doc.indexOf("\n");
      room -= width(end === -1 ? doc : doc.slice(0, end));
      if (end !== -1) return room >= 0;
    } else if (isList(doc)) {
      for (let i = doc.length - 1; i >= 0; i--) todo.push({ doc: doc[i], flat });
    } else if (doc.kind === "indent") {
      todo.push({ doc: doc.doc, flat });
    } else if (doc.kind === "group") {
      todo.push({ doc: doc.doc, flat: flat && !doc.broken });
    } else if (doc.kind === "line") {
      if (doc.hard || !flat) return true;
      room -= doc.flat.length;
    } else if (doc.kind === "if-broken") {
      if (!flat) room -= width(doc.broken);
    }
  }
  return false;
}
