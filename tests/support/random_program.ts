/**
 * Programs at random, by the grammar: they parse, and mean nothing. For the properties that hold of every program.
 *
 * @module
 */
import fc from "fast-check";

const NAMES = [
  "x",
  "y",
  "loss",
  "batch",
  "model",
  "layer",
  "in_",
  "T",
  "N",
  "clip",
  "heads",
  "metric",
  "param",
  "fn",
];
const KINDS = ["f32", "f16", "float", "int", "i32", "u8", "dtype"];
const FIELDS = [
  "loss",
  "optimizer",
  "schedule",
  "loss_scale",
  "clip",
  "accumulate",
  "quantize",
  "prune",
  "stop",
  "ema",
];
const PRECISIONS = ["f32", "f8", "auto", "mixed_f16", "layer"];
const STRINGS = ['"**.bias"', '"a\\"b"', '""', '"blocks.*.ln*"', '"// no comment"', '"Ünïcode 中"'];
const NUMBERS = ["0", "7", "1e-3", "0.5", "2.0", "1.5e+10", "65536"];
const TRIVIA = [
  "\n",
  "\n\n\n",
  "\t",
  "\r\n",
  " // c#\n",
  "\n// c#\n",
  "\n\n/// doc #\n",
  " /* b# */ ",
  "\n/* b#\n  more */\n",
];

/** Spends a list of numbers on choices; when it is spent every choice is the first, which never recurs. */
class Writer {
  readonly tokens: string[] = [];
  #at = 0;

  constructor(readonly choices: readonly number[]) {}

  #choose(count: number): number {
    return this.#at < this.choices.length ? this.choices[this.#at++] % count : 0;
  }

  #put(...tokens: string[]): void {
    this.tokens.push(...tokens);
  }

  #one(words: readonly string[]): void {
    this.#put(words[this.#choose(words.length)]);
  }

  #maybe(write: () => void): void {
    if (this.#choose(2) === 1) write();
  }

  #times(max: number, write: () => void): void {
    for (let n = this.#choose(max + 1); n > 0; n--) write();
  }

  /** Elements between commas, with a comma after the last one now and then. */
  #list(min: number, max: number, write: () => void, single = true): void {
    const count = min + this.#choose(max - min + 1);
    for (let i = 0; i < count; i++) {
      if (i > 0) this.#put(",");
      write();
    }
    if (count > 0 && (single || count > 1) && this.#choose(6) === 1) this.#put(",");
  }

  #name = () => this.#one(NAMES);

  file(): void {
    while (this.#at < this.choices.length) this.#declaration();
  }

  #declaration(): void {
    switch (this.#choose(6)) {
      case 0:
        this.#put("const");
        this.#name();
        this.#put("=");
        return this.expr();
      case 1:
        this.#put("import", "{");
        this.#list(1, 3, this.#name);
        this.#put("}", "from");
        return this.#one(STRINGS);
      case 2:
        this.#put("policy");
        this.#name();
        return this.#rules();
      case 3:
        this.#put("fn");
        this.#name();
        return this.#function();
      case 4:
        this.#put("model");
        this.#name();
        this.#maybe(() => {
          this.#put("(");
          this.#list(0, 3, () => this.#formal());
          this.#put(")");
        });
        this.#put("{");
        this.#times(5, () => this.#item());
        return this.#put("}");
      default:
        this.#put("train");
        this.#name();
        this.#maybe(() => this.#args());
        this.#put("{", "batch");
        this.#typed();
        this.#times(5, () => this.#field());
        return this.#put("}");
    }
  }

  #formal(): void {
    this.#name();
    this.#put(":");
    this.#one(["int", "float", "bool", "string", "dtype"]);
    this.#maybe(() => {
      this.#put("=");
      this.expr();
    });
  }

  #item(): void {
    switch (this.#choose(5)) {
      case 0:
        this.#put("precision");
        return this.#one(PRECISIONS);
      case 1:
        this.#put("precision");
        return this.#rules();
      case 2:
        this.#put("layer");
        this.#name();
        this.#put("=");
        this.#name();
        this.#args();
        this.#maybe(() => {
          this.#put("*");
          this.#unary();
        });
        return this.#maybe(() => this.#in());
      case 3:
        this.#put("param");
        this.#name();
        this.#put(":");
        this.#type();
        this.#put("=");
        return this.expr();
      default:
        this.#put("forward");
        return this.#function();
    }
  }

  #field(): void {
    const kind = this.#choose(3);
    if (kind === 0) return this.#let();
    if (kind === 1) {
      this.#put("metric");
      this.#name();
    } else this.#one(FIELDS);
    this.#put("=");
    this.expr();
  }

  #rules(): void {
    this.#put("{");
    this.#list(1, 4, () => {
      this.#one(this.#choose(2) === 0 ? ["params", "compute", "accum", "output"] : STRINGS);
      this.#put(":");
      this.#one(PRECISIONS);
    });
    this.#put("}");
  }

  #function(): void {
    this.#typed();
    this.#put("->");
    this.#type();
    this.#put("{");
    this.#times(3, () => this.#let());
    this.#put("return");
    this.expr();
    this.#put("}");
  }

  #let(): void {
    this.#put("let");
    this.#pattern();
    this.#put("=");
    this.expr();
  }

  #typed(): void {
    this.#put("(");
    this.#list(0, 3, () => {
      this.#name();
      this.#put(":");
      this.#type();
    });
    this.#put(")");
  }

  #pattern(): void {
    if (this.#choose(3) < 2) return this.#name();
    this.#put("(");
    this.#list(1, 3, () => this.#pattern(), false);
    this.#put(")");
  }

  #type(): void {
    if (this.#choose(4) === 3) {
      this.#put("(");
      this.#list(1, 3, () => this.#type(), false);
      return this.#put(")");
    }
    this.#one(KINDS);
    this.#maybe(() => {
      this.#put("[");
      this.#list(1, 3, () => this.#sum());
      this.#put("]");
    });
  }

  expr(): void {
    if (this.#choose(8) === 7) {
      this.#put("if");
      this.expr();
      this.#put("then");
      this.expr();
      this.#put("else");
      if (this.#choose(3) === 2) return this.expr(); // a chain, with its own `in`
    }
    this.#pipe();
    if (this.#choose(5) === 4) this.#in();
  }

  #in(): void {
    this.#put("in");
    this.#one(PRECISIONS);
  }

  #pipe(): void {
    this.#sum();
    if (this.#choose(6) === 5) {
      this.#one(["==", "!=", "<", "<=", ">", ">="]);
      this.#sum();
    }
    if (this.#choose(3) < 2) return;
    this.#times(4, () => {
      this.#put("|>");
      this.#name();
      this.#times(2, () => {
        if (this.#choose(2) === 0) {
          this.#put(".");
          this.#name();
        } else {
          this.#put("[");
          this.expr();
          this.#put("]");
        }
      });
      this.#maybe(() => this.#args());
    });
  }

  #sum(): void {
    this.#unary();
    if (this.#choose(3) < 2) return;
    this.#times(4, () => {
      this.#one(["+", "-", "*", "/", "%", "@"]);
      this.#unary();
    });
  }

  #unary(): void {
    if (this.#choose(5) === 4) this.#put("-");
    this.#postfix();
    if (this.#choose(8) === 7) {
      this.#put("**");
      this.#unary();
    }
  }

  #postfix(): void {
    this.#atom();
    if (this.#choose(3) === 2) {
      this.#times(3, () => {
        switch (this.#choose(3)) {
          case 0:
            this.#put(".");
            return this.#name();
          case 1:
            return this.#args();
          default:
            this.#put("[");
            this.#list(1, 2, () => this.#index());
            this.#put("]");
        }
      });
    }
    if (this.#choose(6) === 5) {
      this.#put("as");
      this.#one(KINDS);
    }
  }

  #index(): void {
    const kind = this.#choose(3);
    if (kind !== 1) this.expr();
    if (kind === 0) return;
    this.#put(":");
    this.#maybe(() => this.expr());
    this.#maybe(() => {
      this.#put(":");
      this.expr();
    });
  }

  /** Arguments, the named ones last. */
  #args(): void {
    let named = false;
    this.#put("(");
    this.#list(0, 4, () => {
      named ||= this.#choose(3) === 2;
      if (named) {
        this.#name();
        this.#put(":");
      }
      this.expr();
    });
    this.#put(")");
  }

  #atom(): void {
    switch (this.#choose(8)) {
      case 3:
        return this.#one(STRINGS);
      case 4:
        return this.#one(["true", "false"]);
      case 5:
        this.#put("(");
        this.#list(1, 3, () => this.expr(), false);
        return this.#put(")");
      case 6:
        this.#put("[");
        this.#list(0, 4, () => this.expr());
        return this.#put("]");
      case 7:
        return this.#one(NUMBERS);
      default:
        return this.#name();
    }
  }
}

/** A program's text, of up to `size` choices; with comments and white space anywhere if `wild`. */
export function randomProgram({ size = 120, wild = true } = {}): fc.Arbitrary<string> {
  const numbers = (max: number) => fc.array(fc.nat(255), { maxLength: max, size: "max" });
  return fc.tuple(numbers(size), numbers(size * 2)).map(([choices, gaps]) => {
    const writer = new Writer(choices);
    writer.file();
    let comments = 0;
    const gap = (i: number) => {
      const choice = wild ? (gaps[i] ?? 0) : 0;
      const text = choice < 160 ? " " : TRIVIA[choice % TRIVIA.length];
      return text.includes("#") ? text.replace("#", String(comments++)) : text;
    };
    return writer.tokens.map((token, i) => gap(i) + token).join("") + gap(writer.tokens.length);
  });
}
