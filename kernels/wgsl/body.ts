import type { Kind } from "../../compiler/core/dtype.ts";
import { literal } from "./literal.ts";

/**
 * A pure value of the function being written. Until it is named it is an expression that its user writes out;
 * once named it is a `let`.
 */
export interface Value {
  readonly id: number;
  readonly kind: Kind;
  /** WGSL that can stand as an operand. */
  text: string;
  /** `text` is a name or a literal: writing it twice costs nothing. */
  atomic: boolean;
  /** The outermost block where its operands are all known; it is named there. */
  readonly depth: number;
  readonly constant?: number;
  /** An inclusive upper bound of a non-negative i32. */
  readonly max?: number;
}

interface Block {
  readonly lines: string[];
  readonly header: string;
  /** Values first made in this block, by operation and operands: equal computations are written once. */
  readonly memo: Map<string, Value>;
}

const MAX_INLINE = 110;

/**
 * Writes the statements of a WGSL function. Every value belongs to the outermost block in which its operands exist,
 * so what does not change in a loop is written before the loop, whatever order the caller asks in.
 */
export class Body {
  readonly #blocks: Block[] = [{ lines: [], header: "", memo: new Map() }];
  #ids = 0;
  #names = 0;

  get depth(): number {
    return this.#blocks.length - 1;
  }

  /** Opens `header {`. Values that only hold inside are made from leaves defined inside. */
  open(header: string): void {
    this.#blocks.push({ lines: [], header, memo: new Map() });
  }

  close(): void {
    const block = this.#blocks.pop()!;
    this.line(`${block.header} {`);
    for (const line of block.lines) this.line(`  ${line}`);
    this.line("}");
  }

  /** Writes a statement in the current block, or in an enclosing one. */
  line(text: string, depth = this.depth): void {
    this.#blocks[depth].lines.push(text);
  }

  /** A name that the caller has put in scope. */
  leaf(text: string, kind: Kind, max?: number, depth = this.depth): Value {
    return { id: this.#ids++, kind, text, atomic: true, depth, max };
  }

  constant(kind: Kind, value: number): Value {
    const text = literal(kind, value);
    return this.#memoised(
      `const ${text} ${kind}`,
      0,
      () => ({
        id: this.#ids++,
        kind,
        text,
        atomic: true,
        depth: 0,
        constant: value,
        max: kind === "i32" && value >= 0 ? value : undefined,
      }),
    );
  }

  /** Writes `let NAME = text;` in the current block. */
  define(text: string, kind: Kind, max?: number, hint = "v"): Value {
    const name = this.fresh(hint);
    this.line(`let ${name} = ${text};`);
    return this.leaf(name, kind, max);
  }

  fresh(hint: string): string {
    return `${hint}${this.#names++}`;
  }

  /**
   * The value of a pure operation, made once for equal operands. `write` gets the operands' texts and returns an
   * operand-safe text.
   */
  pure(
    key: string,
    args: readonly Value[],
    kind: Kind,
    write: (...texts: string[]) => string,
    options: { max?: number; named?: boolean } = {},
  ): Value {
    const depth = args.reduce((d, a) => Math.max(d, a.depth), 0);
    return this.#memoised(`${key}:${args.map((a) => a.id).join()}`, depth, () => {
      // An operand that is known further out is computed there.
      for (const a of args) if (a.depth < depth) this.name(a);
      const value: Value = {
        id: this.#ids++,
        kind,
        text: write(...args.map((a) => a.text)),
        atomic: false,
        depth,
        max: options.max,
      };
      if (options.named || value.text.length > MAX_INLINE) this.name(value);
      return value;
    });
  }

  /** Gives the value a name, so that using it again repeats nothing; returns its text. */
  name(value: Value, hint = "v"): string {
    if (!value.atomic) {
      const name = this.fresh(hint);
      const text = value.text.startsWith("(") && closes(value.text) ? value.text.slice(1, -1) : value.text;
      this.line(`let ${name} = ${text};`, value.depth);
      value.text = name;
      value.atomic = true;
    }
    return value.text;
  }

  /** The text of an operand for a statement in the current block. */
  use(value: Value): string {
    return value.depth < this.depth ? this.name(value) : value.text;
  }

  /** The function's lines; every block must be closed. */
  finish(): readonly string[] {
    if (this.depth !== 0) throw new Error("a block was left open");
    return this.#blocks[0].lines;
  }

  #memoised(key: string, depth: number, make: () => Value): Value {
    const memo = this.#blocks[depth].memo;
    let value = memo.get(key);
    if (!value) memo.set(key, value = make());
    return value;
  }
}

/** Whether the parenthesis that opens the text closes at its end. */
function closes(text: string): boolean {
  let open = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "(") open++;
    else if (text[i] === ")" && --open === 0) return i === text.length - 1;
  }
  return false;
}
