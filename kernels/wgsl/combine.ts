import type { Kind } from "../../compiler/core/dtype.ts";
import type { Accumulator, Combine } from "../../compiler/core/kernel.ts";
import type { Value } from "./body.ts";
import type { Module } from "./module.ts";
import { F32_MAX } from "./literal.ts";

/** No element was seen yet: larger than any position. */
const NOWHERE = 0x7fffffff;

/** One accumulator while it runs: variables of the invocation, and arrays in workgroup memory to combine them by. */
export class Running {
  readonly #combine: Combine;
  /** The kind of what is compared or summed; booleans are kept as u32. */
  readonly #kind: Kind;
  readonly #name: string;
  /** Declared where the accumulator is started. */
  readonly #positional: boolean;

  constructor(readonly module: Module, accumulator: Accumulator, index: number) {
    this.#combine = accumulator.combine;
    this.#kind = accumulator.combine === "or" ? "u32" : accumulator.value.kind;
    this.#name = `a${index}`;
    this.#positional = accumulator.combine === "argmax" || accumulator.combine === "argmin";
  }

  start(): void {
    const { body } = this.module;
    body.line(`var ${this.#name} = ${this.identity().text};`);
    if (this.#positional) body.line(`var ${this.#name}_at = ${NOWHERE};`);
  }

  /** What changes nothing when combined. */
  identity(): Value {
    return this.module.body.constant(this.#kind, identityOf(this.#combine, this.#kind));
  }

  /**
   * Takes one element in.
   *
   * @param inside where it is false the element does not exist
   */
  add(value: Value, position: Value, inside: Value): void {
    const { body, prims } = this.module;
    const a = this.#name;
    if (this.#positional) {
      const v = body.use(value), p = body.use(position);
      // Positions ascend within an invocation: the first of equals stays.
      const better = `${v} ${this.#combine === "argmax" ? ">" : "<"} ${a} || ${a}_at == ${NOWHERE}`;
      const condition = inside.constant ? better : `${body.use(inside)} && (${better})`;
      body.line(`if (${condition}) { ${a} = ${v}; ${a}_at = ${p}; }`);
      return;
    }
    const element = this.#combine === "or" ? prims.emit("to_u32", [value], "u32") : value;
    const kept = prims.emit("select", [inside, element, this.identity()], this.#kind);
    body.line(`${a} = ${this.#joined(a, body.use(kept))};`);
  }

  /** Declares the workgroup arrays. Accumulators of different phases share them, by their place in the phase. */
  share(place: number, length: number): void {
    this.module.share(`s${place}_${this.#kind}`, this.#kind, length);
    if (this.#positional) this.module.share(`s${place}_at`, "i32", length);
  }

  /** The workgroup arrays of the values and of their positions. */
  #values(place: number): string {
    return this.module.shared(`s${place}_${this.#kind}`);
  }

  #positions(place: number): string {
    return this.module.shared(`s${place}_at`);
  }

  /** Publishes this invocation's part. */
  publish(place: number, at: string): void {
    const { body } = this.module;
    body.line(`${this.#values(place)}[${at}] = ${this.#name};`);
    if (this.#positional) body.line(`${this.#positions(place)}[${at}] = ${this.#name}_at;`);
  }

  /** Joins another invocation's part into this one's. */
  join(place: number, other: string): void {
    this.#take(`${this.#values(place)}[${other}]`, `${this.#positions(place)}[${other}]`);
  }

  /** Joins the part of the subgroup's invocation whose number differs in the bits of `mask`; both get the same. */
  joinAcross(mask: number): void {
    const shuffled = (name: string) => `subgroupShuffleXor(${name}, ${mask}u)`;
    this.#take(shuffled(this.#name), shuffled(`${this.#name}_at`));
  }

  /** Takes over what another invocation published. */
  adopt(place: number, at: string): void {
    const { body } = this.module;
    body.line(`${this.#name} = ${this.#values(place)}[${at}];`);
    if (this.#positional) body.line(`${this.#name}_at = ${this.#positions(place)}[${at}];`);
  }

  #take(value: string, position: string): void {
    const { body } = this.module;
    const a = this.#name;
    if (!this.#positional) return body.line(`${a} = ${this.#joined(a, value)};`);
    const better = this.#combine === "argmax" ? ">" : "<";
    const v = body.fresh("v"), p = body.fresh("v");
    body.line(`let ${v} = ${value};`);
    body.line(`let ${p} = ${position};`);
    body.line(
      `if (${p} != ${NOWHERE} && (${a}_at == ${NOWHERE} || ${v} ${better} ${a} || (${v} == ${a} && ${p} < ${a}_at))) ` +
        `{ ${a} = ${v}; ${a}_at = ${p}; }`,
    );
  }

  /** The finished value: from this invocation's variable, or from where another published it. */
  finish(place: number, at?: string): Value {
    const { body, prims } = this.module;
    if (this.#positional) {
      return body.define(
        at === undefined ? `${this.#name}_at` : `${this.#positions(place)}[${at}]`,
        "i32",
        undefined,
        "acc",
      );
    }
    const value = body.define(
      at === undefined ? this.#name : `${this.#values(place)}[${at}]`,
      this.#kind,
      undefined,
      "acc",
    );
    return this.#combine === "or" ? prims.emit("to_bool", [value], "bool") : value;
  }

  #joined(a: string, b: string): string {
    switch (this.#combine) {
      case "max":
      case "min":
        return `${this.#combine}(${a}, ${b})`;
      case "or":
        return `${a} | ${b}`;
      default:
        return `${a} + ${b}`;
    }
  }
}

/** What changes nothing when combined; a boolean's is 0. */
export function identityOf(combine: Combine, kind: Kind): number {
  const most = kind === "f32" ? F32_MAX : kind === "i32" ? 2147483647 : 4294967295;
  const least = kind === "f32" ? -F32_MAX : kind === "i32" ? -2147483648 : 0;
  switch (combine) {
    case "max":
    case "argmax":
      return least;
    case "min":
    case "argmin":
      return most;
    default:
      return 0;
  }
}
