import { byteSize, type DType, kindOf } from "../../compiler/core/dtype.ts";
import { encode } from "../../compiler/core/round.ts";
import type { Binding, SingleKernel } from "../../compiler/core/kernel.ts";
import type { Target } from "../../compiler/core/target.ts";
import type { Value } from "./body.ts";
import type { Prims } from "./prims.ts";

/** Elements of a dtype in a 4-byte word. */
export function lanesOf(dtype: DType): 1 | 2 | 4 {
  return (4 / byteSize(dtype)) as 1 | 2 | 4;
}

type Component = "f32" | "i32" | "u32" | "f16";

/** Whether a binding is declared as f16. Where every load is a loop, two halves are better loaded at once. */
export function isNative(b: Binding, { f16, processor }: Target, halvesInWords = false): boolean {
  return b.dtype === "f16" && f16 && !halvesInWords && !(processor === "cpu" && b.access === "read");
}

/** How a binding is declared: an array of vectors of `width` components, each of which holds `lanes` elements. */
interface Slot {
  readonly dtype: DType;
  readonly component: Component;
  readonly lanes: 1 | 2 | 4;
  readonly width: 1 | 2 | 4;
  readonly atomic: boolean;
}

export interface StorageOptions {
  /** Components of an array element, for each binding: loads and stores of that many move together. */
  readonly widths?: readonly (1 | 2 | 4)[];
  /** Native f16 is kept in words all the same, two to each. */
  readonly halvesInWords?: boolean;
}

const SWIZZLE = ["x", "y", "z", "w"];

/**
 * Loads from and stores to a kernel's bindings. f32, i32 and u32 stand as they are, f16 too where the target has it;
 * everything else is packed in u32 words and taken apart by bits.
 */
export class Storage {
  readonly #slots: readonly Slot[];
  #joins = false;

  constructor(
    readonly kernel: SingleKernel,
    readonly target: Target,
    readonly prims: Prims,
    readonly options: StorageOptions = {},
  ) {
    this.#slots = kernel.bindings.map((b, i) => this.#slot(b, i, options.widths?.[i] ?? 1));
  }

  /** The declarations, in order. */
  declarations(): string[] {
    return this.kernel.bindings.map((b, i) => {
      const s = this.#slots[i];
      const element = s.atomic
        ? "atomic<u32>"
        : s.width === 1
        ? s.component
        : `vec${s.width}<${s.component}>`;
      const access = b.access === "read" ? "read" : "read_write";
      return `@group(0) @binding(${i}) var<storage, ${access}> b${i}: array<${element}>;` +
        `  // ${b.access} ${b.dtype}[${b.shape.join(", ")}] ${printable(b.name)}`;
    });
  }

  usesF16(): boolean {
    return this.#joins || this.#slots.some((s) => s.component === "f16");
  }

  /** The element at a flat physical index. With a guard, 0 where it is false and nothing read there. */
  load(binding: number, index: Value, guard?: Value): Value {
    if (guard?.constant === 0) return this.prims.body.constant(kindOf(this.#slots[binding].dtype), 0);
    return this.#decoded(binding, this.#rawElement(binding, index, guard), guard);
  }

  /** Element `lane` of a group whose first element's index is a multiple of the group's size. */
  loadLane(binding: number, first: Value, lane: number, guard?: Value): Value {
    if (guard?.constant === 0) return this.prims.body.constant(kindOf(this.#slots[binding].dtype), 0);
    return this.#decoded(binding, this.#rawLane(binding, first, lane, guard), guard);
  }

  /** As `load`, but the stored bits (of a packed dtype only): what a copy moves. */
  loadCode(binding: number, index: Value, guard?: Value): Value {
    return this.#guarded(this.#rawElement(binding, index, guard), guard);
  }

  /** As `loadLane`, but the stored bits (of a packed dtype only). */
  loadLaneCode(binding: number, first: Value, lane: number, guard?: Value): Value {
    return this.#guarded(this.#rawLane(binding, first, lane, guard), guard);
  }

  /** Four consecutive words as they stand; `first` is the index of an element that is a multiple of four words. */
  loadWords(binding: number, first: Value, guard?: Value): Value {
    const { prims } = this, { body } = prims;
    const slot = this.#slots[binding];
    const unit = this.#unitIndex(slot, this.#componentIndex(slot, first));
    const parts = Array.from(
      { length: 4 / slot.width },
      (_, i) => this.#unit(binding, slot, prims.add(unit, prims.i32(i)), guard),
    );
    const words = parts.length === 1
      ? parts[0]
      : body.pure("words", parts, "u32", (...p) => `vec4<u32>(${p.join(", ")})`);
    if (!guard || guard.constant) return words;
    return body.pure("words?", [words, guard], "u32", (w, g) => `select(vec4<u32>(), ${w}, ${g})`);
  }

  /** The word that starts with element `first`, of a packed dtype. */
  loadWord(binding: number, first: Value, guard?: Value): Value {
    return this.#guarded(this.#component(binding, first, guard), guard);
  }

  /** Whether values of this dtype are kept as bits in words here. */
  isPacked(binding: number): boolean {
    return this.#slots[binding].lanes > 1;
  }

  /** Elements in a component of the binding: more than 1 where it is packed. */
  lanesOf(binding: number): 1 | 2 | 4 {
    return this.#slots[binding].lanes;
  }

  /** Whether a store to this dtype rounds to it by itself, so that a rounding before it is not needed. */
  storesRound(dtype: DType): boolean {
    return this.#variant(dtype) !== dtype;
  }

  dtypeOf(binding: number): DType {
    return this.#slots[binding].dtype;
  }

  /** The stored bits of a value, u32; `exact` says that the dtype holds it exactly. */
  code(value: Value, dtype: DType, exact: boolean): Value {
    const { body, helpers } = this.prims;
    if (value.constant !== undefined) return body.constant("u32", encode(value.constant, dtype));
    switch (dtype) {
      case "i8":
        return body.pure("code.i8", [value], "u32", (x) => `(u32(${x}) & 0xffu)`);
      case "u8":
        return body.pure("code.u8", [value], "u32", (x) => `(${x} & 0xffu)`);
      case "bool":
        return body.pure("code.bool", [value], "u32", (x) => `u32(${x})`);
      default: {
        const rounded = exact ? value : this.#storable(value, dtype);
        const name = helpers.use(`code_${this.#variant(dtype)}`);
        return body.pure(name, [rounded], "u32", (x) => `${name}(${x})`);
      }
    }
  }

  /** Whether two halves become a word by one conversion. */
  get joinsHalves(): boolean {
    const { f16, quirks } = this.target;
    return f16 && quirks.bitcastHalves && quirks.narrowsToInfinity;
  }

  /** Two values as f16 in a word, the first lowest, where `joinsHalves`; `exact` says that f16 holds them both. */
  halves(low: Value, high: Value, exact: boolean): Value {
    const { body, helpers } = this.prims;
    this.#joins = true;
    const write = exact
      ? (x: string, y: string) => `bitcast<u32>(vec2<f16>(f16(${x}), f16(${y})))`
      : (x: string, y: string) => `${helpers.use("saturated_halves_native")}(${x}, ${y})`;
    return body.pure(exact ? "halves" : "halves!", [low, high], "u32", write);
  }

  /** A word of the bits of its elements, the first lowest: two of them, or four. */
  word(codes: readonly Value[]): Value {
    const bits = 32 / codes.length;
    const known = codes.reduce((word, c, i) => word | (c.constant ?? 0) << (i * bits), 0) >>> 0;
    const open = codes.flatMap((code, i) => code.constant === undefined ? [{ code, shift: i * bits }] : []);
    if (open.length === 0) return this.prims.body.constant("u32", known);
    const write = (...texts: string[]) => {
      const parts = texts.map((text, i) => open[i].shift === 0 ? text : `(${text} << ${open[i].shift}u)`);
      if (known !== 0) parts.push(`${known}u`);
      return parts.length === 1 ? parts[0] : `(${parts.join(" | ")})`;
    };
    return this.prims.body.pure(
      `word:${known}:${open.map((o) => o.shift)}`,
      open.map((o) => o.code),
      "u32",
      write,
    );
  }

  /** The nearest value of a float dtype, saturated, as f32. */
  rounded(value: Value, dtype: DType): Value {
    if (dtype === "f32") return value;
    const native = this.#variant(dtype) !== dtype && this.target.quirks.bitcastHalves;
    const name = this.prims.helpers.use(native ? "round_f16_native" : `round_${dtype}`);
    return this.prims.body.pure(name, [value], "f32", (x) => `${name}(${x})`);
  }

  /**
   * Writes consecutive elements, whole words of them, at an index that is a multiple of their number.
   *
   * @param items for a packed dtype, words of elements' bits; else each element's value
   * @param exact the dtype holds each value exactly
   */
  storeGroup(binding: number, first: Value, items: readonly Value[], exact: boolean): void {
    const { body } = this.prims;
    const slot = this.#slots[binding];
    const components = slot.lanes === 1
      ? items.map((v) => this.#direct(slot, v, exact))
      : items.map((word) => body.use(word));
    const unit = this.#componentIndex(slot, first);
    const units = chunks(components, slot.width);
    if (units.length > 1) body.name(unit);
    units.forEach((parts, i) => {
      const at = body.use(this.prims.add(this.#unitIndex(slot, unit), this.prims.i32(i)));
      const value = slot.width === 1 ? parts[0] : `vec${slot.width}<${slot.component}>(${parts.join(", ")})`;
      body.line(
        slot.atomic ? `atomicStore(&b${binding}[${at}], ${value});` : `b${binding}[${at}] = ${value};`,
      );
    });
  }

  /** Writes one element of a dtype that is not packed. */
  storeElement(binding: number, index: Value, value: Value, exact: boolean): void {
    const slot = this.#slots[binding];
    const at = this.prims.body.use(index);
    const text = this.#direct(slot, value, exact);
    this.prims.body.line(
      slot.atomic ? `atomicStore(&b${binding}[${at}], ${text});` : `b${binding}[${at}] = ${text};`,
    );
  }

  #slot(b: Binding, i: number, width: 1 | 2 | 4): Slot {
    const direct = byteSize(b.dtype) === 4;
    const native = isNative(b, this.target, this.options.halvesInWords);
    const component = native ? "f16" : b.dtype === "f32" || b.dtype === "i32" ? b.dtype : "u32";
    return {
      dtype: b.dtype,
      component,
      lanes: direct || native ? 1 : lanesOf(b.dtype),
      width,
      atomic: this.kernel.flag === i,
    };
  }

  /** A value that the conversion to the stored dtype may be given: native f16 rounds by itself, to nearest. */
  #storable(value: Value, dtype: DType): Value {
    if (this.#variant(dtype) === dtype) return this.rounded(value, dtype);
    const name = this.prims.helpers.use("saturated_f16");
    return this.prims.body.pure(name, [value], "f32", (x) => `${name}(${x})`);
  }

  /** Which helpers convert what is exact: native f16 is left to the hardware. */
  #variant(dtype: DType): string {
    return dtype === "f16" && this.target.f16 ? "f16_native" : dtype;
  }

  /** Which helper makes a value of its bits. */
  #unpacking(dtype: DType): string {
    if (dtype !== "f16") return dtype;
    if (this.target.quirks.exactUnpack) return "f16_unpacked";
    return this.target.quirks.bitcastHalves ? this.#variant(dtype) : dtype;
  }

  #componentIndex(slot: Slot, index: Value): Value {
    return this.prims.quo(index, slot.lanes);
  }

  #unitIndex(slot: Slot, component: Value): Value {
    return this.prims.quo(component, slot.width);
  }

  /** The array element that holds a component; always named, since it is a load. */
  #unit(binding: number, slot: Slot, at: Value, guard?: Value): Value {
    const { body } = this.prims;
    const kind = slot.component === "f16" ? "f32" : slot.component;
    const read = (i: string) => slot.atomic ? `atomicLoad(&b${binding}[${i}])` : `b${binding}[${i}]`;
    if (!guard || guard.constant) return body.pure(`b${binding}`, [at], kind, read, { named: true });
    // No branch: where the guard is false element 0 is read, and the value dropped.
    return body.pure(`b${binding}?`, [at, guard], kind, (i, g) => read(`select(0, ${i}, ${g})`), {
      named: true,
    });
  }

  #rawElement(binding: number, index: Value, guard?: Value): Value {
    const slot = this.#slots[binding];
    const value = this.#component(binding, index, guard);
    return slot.lanes === 1 ? value : this.#part(slot, value, this.prims.mod(index, slot.lanes));
  }

  /** The component that holds an element. */
  #component(binding: number, index: Value, guard?: Value): Value {
    const slot = this.#slots[binding];
    const component = this.#componentIndex(slot, index);
    if (slot.width === 1) return this.#unit(binding, slot, component, guard);
    const unit = this.#unit(binding, slot, this.#unitIndex(slot, component), guard);
    const lane = this.prims.mod(component, slot.width);
    return this.prims.body.pure("component", [unit, lane], unit.kind, (u, l) => `${u}[${l}]`);
  }

  #rawLane(binding: number, first: Value, lane: number, guard?: Value): Value {
    const { prims } = this, { body } = prims;
    const slot = this.#slots[binding];
    const component = Math.floor(lane / slot.lanes);
    const at = prims.add(
      this.#unitIndex(slot, this.#componentIndex(slot, first)),
      prims.i32(Math.floor(component / slot.width)),
    );
    let value = this.#unit(binding, slot, at, guard);
    if (slot.width > 1) {
      const part = SWIZZLE[component % slot.width];
      value = body.pure(`.${part}`, [value], value.kind, (u) => `${u}.${part}`);
    }
    return slot.lanes === 1 ? value : this.#part(slot, value, prims.i32(lane % slot.lanes));
  }

  /** The bits of one element of a word, in the low end. */
  #part(slot: Slot, word: Value, lane: Value): Value {
    const { body } = this.prims;
    const bits = 32 / slot.lanes, mask = slot.lanes === 2 ? "0xffffu" : "0xffu";
    if (lane.constant !== undefined) {
      const shift = lane.constant * bits;
      if (shift === 0) return body.pure(`lane0/${slot.lanes}`, [word], "u32", (w) => `(${w} & ${mask})`);
      const top = lane.constant === slot.lanes - 1;
      return body.pure(
        `lane${lane.constant}/${slot.lanes}`,
        [word],
        "u32",
        (w) => top ? `(${w} >> ${shift}u)` : `((${w} >> ${shift}u) & ${mask})`,
      );
    }
    return body.pure(
      `lane/${slot.lanes}`,
      [word, lane],
      "u32",
      (w, l) => `((${w} >> (u32(${l}) * ${bits}u)) & ${mask})`,
    );
  }

  #decoded(binding: number, raw: Value, guard?: Value): Value {
    const { body, helpers } = this.prims;
    const { dtype, component, lanes } = this.#slots[binding];
    let value = raw;
    if (component === "f16") value = body.pure("f32(f16)", [raw], "f32", (x) => `f32(${x})`, { named: true });
    else if (lanes > 1) {
      if (dtype === "i8") {
        value = body.pure("value.i8", [raw], "i32", (x) => `(i32(${x} << 24u) >> 24u)`);
      } else if (dtype === "bool") {
        value = body.pure("value.bool", [raw], "bool", (x) => `(${x} != 0u)`);
      } else if (dtype !== "u8") {
        const name = helpers.use(`value_${this.#unpacking(dtype)}`);
        value = body.pure(name, [raw], "f32", (x) => `${name}(${x})`, { named: true });
      }
    }
    return this.#guarded(value, guard);
  }

  #guarded(value: Value, guard?: Value): Value {
    if (!guard || guard.constant) return value;
    return this.prims.emit("select", [guard, value, this.prims.body.constant(value.kind, 0)], value.kind);
  }

  /** A value as a component of an unpacked binding. */
  #direct(slot: Slot, value: Value, exact: boolean): string {
    if (slot.component !== "f16") return this.prims.body.use(value);
    return `f16(${this.prims.body.use(exact ? value : this.#storable(value, "f16"))})`;
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const out: T[][] = [];
  for (let i = 0; i < items.length; i += size) out.push(items.slice(i, i + size));
  return out;
}

/** A name from a program as it may stand in a comment. */
export function printable(name: string): string {
  return name.replace(/[^A-Za-z0-9_.%/ \[\],-]/g, "_").slice(0, 80);
}
