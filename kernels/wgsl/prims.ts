import type { Kind } from "../../compiler/core/dtype.ts";
import type { Prim } from "../../compiler/core/expr.ts";
import { applyPrim } from "../scalar.ts";
import type { Body, Value } from "./body.ts";
import type { Helpers } from "./helpers.ts";

/** Writes primitives as WGSL, folding constants and what the ranges of coordinates decide. */
export class Prims {
  constructor(readonly body: Body, readonly helpers: Helpers) {}

  i32(value: number): Value {
    return this.body.constant("i32", value);
  }

  emit(fn: Prim, args: readonly Value[], kind: Kind, named = false): Value {
    const operandKind = args[fn === "select" ? 1 : 0].kind;
    const constants = args.map((a) => a.constant);
    if (constants.every((c) => c !== undefined)) {
      const folded = applyPrim(fn, operandKind, constants as number[]);
      if (Number.isFinite(folded)) return this.body.constant(kind, folded);
    }
    return this.#simplified(fn, args, operandKind) ?? this.#written(fn, args, operandKind, kind, named);
  }

  add(a: Value, b: Value): Value {
    return this.emit("add", [a, b], "i32");
  }

  mul(a: Value, b: Value): Value {
    return this.emit("mul", [a, b], "i32");
  }

  quo(a: Value, b: number): Value {
    return this.emit("quo", [a, this.i32(b)], "i32");
  }

  mod(a: Value, b: number): Value {
    return this.emit("mod", [a, this.i32(b)], "i32");
  }

  lt(a: Value, b: number): Value {
    return this.emit("lt", [a, this.i32(b)], "bool");
  }

  and(a: Value, b: Value): Value {
    return this.emit("and", [a, b], "bool");
  }

  min(a: Value, b: number): Value {
    return this.emit("min", [a, this.i32(b)], "i32");
  }

  true(): Value {
    return this.body.constant("bool", 1);
  }

  /** Σ coordinate · stride. */
  linear(coords: readonly Value[], strides: readonly number[]): Value {
    let sum = this.i32(0);
    coords.forEach((c, i) => sum = this.add(sum, this.mul(c, this.i32(strides[i]))));
    return sum;
  }

  /** The row-major coordinates of a flat position; only those that are used get written. */
  decode(flat: Value, dims: readonly number[]): Value[] {
    const coords = new Array<Value>(dims.length);
    let rest = flat;
    for (let i = dims.length - 1; i >= 0; i--) {
      coords[i] = i === 0 ? rest : this.mod(rest, dims[i]);
      if (i > 0) rest = this.quo(rest, dims[i]);
    }
    return coords;
  }

  /** What needs no code, on algebra that holds for every value of the kind. */
  #simplified(fn: Prim, args: readonly Value[], kind: Kind): Value | undefined {
    const [a, b, c] = args;
    const ca = a.constant, cb = b?.constant;
    switch (fn) {
      case "add":
        if (kind === "f32") return undefined;
        return ca === 0 ? b : cb === 0 ? a : undefined;
      case "sub":
        return cb === 0 ? a : undefined;
      case "mul":
        if (kind !== "f32" && (ca === 0 || cb === 0)) return ca === 0 ? a : b;
        return ca === 1 ? b : cb === 1 ? a : undefined;
      case "div":
        if (cb === 1) return a;
        return cb === 0 && kind !== "f32" ? b : undefined;
      case "rem":
        return cb === 0 && kind !== "f32" ? b : undefined;
      case "quo":
        if (cb === 1) return a;
        return cb !== undefined && a.max !== undefined && a.max < cb ? this.i32(0) : undefined;
      case "mod":
        if (cb === 1) return this.i32(0);
        return cb !== undefined && a.max !== undefined && a.max < cb ? a : undefined;
      case "min":
        return kind === "i32" && cb !== undefined && a.max !== undefined && a.max <= cb ? a : undefined;
      case "lt":
        return kind === "i32" && cb !== undefined && a.max !== undefined && a.max < cb
          ? this.true()
          : undefined;
      case "ge":
        return kind === "i32" && cb !== undefined && cb <= 0 && a.max !== undefined ? this.true() : undefined;
      case "and":
        if (ca !== undefined) return ca ? b : a;
        return cb !== undefined ? (cb ? a : b) : undefined;
      case "or":
        if (ca !== undefined) return ca ? a : b;
        return cb !== undefined ? (cb ? b : a) : undefined;
      case "select":
        if (ca !== undefined) return ca ? b : c;
        return b.id === c.id ? b : undefined;
      case "abs":
        return kind === "u32" ? a : undefined;
      default:
        return undefined;
    }
  }

  #written(fn: Prim, args: readonly Value[], operand: Kind, kind: Kind, named: boolean): Value {
    const write = (fnText: (...t: string[]) => string, max?: number) =>
      this.body.pure(`${fn}.${operand}`, args, kind, fnText, { max, named });
    const call = (name: string) => write((...t) => `${name}(${t.join(", ")})`);
    const helper = (name: string) => call(this.helpers.use(name));
    const infix = (op: string, max?: number) => write((x, y) => `(${x} ${op} ${y})`, max);
    const [a, b] = args;
    const cb = b?.constant;
    const bound = (f: (x: number, y: number) => number) =>
      kind === "i32" && a.max !== undefined && b.max !== undefined ? f(a.max, b.max) : undefined;
    switch (fn) {
      case "add":
        return infix("+", bound((x, y) => x + y));
      case "sub":
        return infix("-");
      case "mul":
        return infix("*", bound((x, y) => x * y));
      case "min":
      case "max":
        return write((x, y) => `${fn}(${x}, ${y})`, bound(fn === "min" ? Math.min : Math.max));
      case "div":
      case "rem": {
        const op = fn === "div" ? "/" : "%";
        if (operand === "f32") return fn === "div" ? infix(op) : helper("rem_f32");
        return cb ? infix(op) : helper(`${fn}_${operand}`);
      }
      case "quo":
      case "mod":
        return this.#quotient(fn, a, b);
      case "neg":
        return write(operand === "u32" ? (x) => `(0u - ${x})` : (x) => `(-${x})`);
      case "abs":
      case "floor":
      case "ceil":
      case "log":
      case "sqrt":
        return call(fn);
      case "rsqrt":
        return call("inverseSqrt");
      case "rint":
        return call("round");
      case "sign":
        return operand === "u32" ? write((x) => `min(${x}, 1u)`) : call("sign");
      case "exp":
      case "expm1":
      case "log1p":
      case "tanh":
      case "erf":
        return helper(`${fn}_safe`);
      case "sin":
      case "cos": {
        const name = this.helpers.use("sin_turned");
        return write((x) => `${name}(${x}, ${fn === "sin" ? 0 : 1})`);
      }
      case "pow":
        return this.#power(a, b) ?? helper("pow_signed");
      case "eq":
        return infix("==");
      case "ne":
        return infix("!=");
      case "lt":
        return infix("<");
      case "le":
        return infix("<=");
      case "gt":
        return infix(">");
      case "ge":
        return infix(">=");
      // Without short circuit: no branches.
      case "and":
      case "bitand":
        return infix("&");
      case "or":
      case "bitor":
        return infix("|");
      case "bitxor":
        return infix("^");
      case "not":
        return write((x) => `(!${x})`);
      case "select":
        return write(
          (p, x, y) => `select(${y}, ${x}, ${p})`,
          kind === "i32" ? this.#selectBound(args) : undefined,
        );
      case "shl":
      case "shr": {
        const op = fn === "shl" ? "<<" : ">>";
        if (cb !== undefined) return write((x) => `(${x} ${op} ${cb & 31}u)`);
        return write((x, y) => `(${x} ${op} (${y} & 31u))`);
      }
      case "mulhi":
        return helper("mulhi_u32");
      case "to_f32":
        return operand === "f32" ? a : call("f32");
      case "to_i32":
        if (operand === "i32") return a;
        return operand === "f32" ? helper("i32_saturated") : call("i32");
      case "to_u32":
        if (operand === "u32") return a;
        return operand === "f32" ? helper("u32_saturated") : call("u32");
      case "to_bool":
        return operand === "bool" ? a : call("bool");
      case "bits_of":
        return operand === "u32" ? a : call("bitcast<u32>");
      case "f32_of_bits":
        return call("bitcast<f32>");
      case "is_finite":
        return write((x) => `((bitcast<u32>(${x}) & 0x7f800000u) != 0x7f800000u)`);
    }
  }

  /** Of a non-negative by a positive: shifts and masks for powers of two, else an unsigned division. */
  #quotient(fn: "quo" | "mod", a: Value, b: Value): Value {
    const c = b.constant;
    const max = c === undefined
      ? a.max
      : fn === "mod"
      ? c - 1
      : a.max === undefined
      ? undefined
      : Math.floor(a.max / c);
    // Both are usually wanted, and of the same operand.
    if (c === undefined || (c & (c - 1)) !== 0) this.body.name(a);
    const write = (f: (x: string, y: string) => string) => this.body.pure(fn, [a, b], "i32", f, { max });
    if (c !== undefined && c > 0 && (c & (c - 1)) === 0) {
      return write((x) => fn === "quo" ? `(${x} >> ${Math.log2(c)}u)` : `(${x} & ${c - 1})`);
    }
    const op = fn === "quo" ? "/" : "%";
    return write((x, y) => `i32(u32(${x}) ${op} ${c === undefined ? `u32(${y})` : `${c}u`})`);
  }

  /** Small constant exponents, more exactly than through logarithms. */
  #power(a: Value, b: Value): Value | undefined {
    const e = b.constant;
    const square = (x: Value) => this.emit("mul", [x, x], "f32");
    switch (e) {
      case 1:
        return a;
      case 2:
        this.body.name(a);
        return square(a);
      case 3:
        this.body.name(a);
        return this.emit("mul", [square(a), a], "f32");
      case 4: {
        this.body.name(a);
        const two = square(a);
        this.body.name(two);
        return square(two);
      }
      case -1:
        return this.emit("div", [this.body.constant("f32", 1), a], "f32");
      default:
        return undefined;
    }
  }

  #selectBound([, x, y]: readonly Value[]): number | undefined {
    return x.max !== undefined && y.max !== undefined ? Math.max(x.max, y.max) : undefined;
  }
}
