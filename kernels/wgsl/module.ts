import type { Shader, SingleKernel } from "../../compiler/core/kernel.ts";
import type { Target } from "../../compiler/core/target.ts";
import { Body, type Value } from "./body.ts";
import { Emitter } from "./emitter.ts";
import { Helpers } from "./helpers.ts";
import { Prims } from "./prims.ts";
import { printable, Storage, type StorageOptions } from "./storage.ts";
import type { Expr } from "../../compiler/core/expr.ts";

/** What a kernel needs beyond plain WGSL. */
export interface Extensions {
  readonly f16?: boolean;
  /** Lines that come before every declaration. */
  readonly directives?: readonly string[];
  /** More parameters of `main`. */
  readonly parameters?: readonly string[];
}

/** A kernel's place among others in one dispatch: it is written as a function of its own. */
export interface Part {
  readonly number: number;
  /** Invocations of the workgroup that all parts share. */
  readonly invocations: number;
  /** Components of each binding's array element: what all parts that name it can use. */
  readonly widths: readonly (1 | 2 | 4)[];
}

/** What a module says outside its functions, to be joined with other parts'. */
export interface Pieces {
  readonly f16: boolean;
  readonly directives: readonly string[];
  /** Builtins beyond the workgroup's and the invocation's number. */
  readonly parameters: readonly string[];
  /** One for each binding. */
  readonly declarations: readonly string[];
  readonly shared: readonly string[];
  readonly helpers: readonly string[];
  /** Lines with which `main` begins. */
  readonly entry: readonly string[];
  readonly lines: readonly string[];
}

/** A kernel that is written: its function, grid, and which rendering was chosen. */
export interface Written {
  readonly module: Module;
  readonly grid: readonly [number, number, number];
  readonly variant: string;
}

/** The number of a part's workgroup among its own. */
export const PART_GROUP = "part_group";

/** A WGSL module being written: one function, `main` or a part's, over a one-dimensional workgroup. */
export class Module {
  readonly body = new Body();
  readonly helpers = new Helpers();
  readonly prims = new Prims(this.body, this.helpers);
  readonly storage: Storage;
  readonly emitter: Emitter;
  readonly #shared: string[] = [];

  constructor(
    readonly kernel: SingleKernel,
    readonly target: Target,
    readonly workgroupSize: number,
    roots: readonly Expr[],
    options: StorageOptions = {},
    readonly extensions: Extensions = {},
    readonly part?: Part,
  ) {
    const widths = part?.widths ?? options.widths;
    this.storage = new Storage(kernel, target, this.prims, { ...options, widths });
    this.emitter = new Emitter(this.prims, this.storage, roots);
  }

  /** Declares an array in workgroup memory, once, and returns its name. */
  share(name: string, element: string, length: number): string {
    const text = `var<workgroup> ${this.shared(name)}: array<${element}, ${length}>;`;
    if (!this.#shared.includes(text)) this.#shared.push(text);
    return this.shared(name);
  }

  /** The name under which an array in workgroup memory is declared. */
  shared(name: string): string {
    return this.part ? `p${this.part.number}_${name}` : name;
  }

  /** The index of this workgroup, below `count`, from a grid folded to stay within the device's limit. */
  workgroupIndex(count: number): { value: Value; grid: readonly [number, number, number] } {
    const { body } = this;
    if (this.part) {
      return { value: body.define(PART_GROUP, "i32", count - 1, "group"), grid: [count, 1, 1] };
    }
    const grid = foldGrid(count, this.target);
    return { value: body.define(groupNumber(grid), "i32", grid[0] * grid[1] - 1, "group"), grid };
  }

  /** The index of this invocation in its workgroup. */
  lane(): Value {
    return this.body.define("i32(lid)", "i32", this.workgroupSize - 1, "t");
  }

  /** The module as its function and what stands around it. */
  pieces(): Pieces {
    const { kernel, emitter } = this;
    const { f16: always = false, directives = [], parameters = [] } = this.extensions;
    const lines = [...emitter.prologue(), ...this.body.finish(), ...emitter.epilogue(kernel.flag)];
    return {
      f16: always || this.storage.usesF16() || this.helpers.usesF16(),
      directives,
      parameters,
      declarations: this.storage.declarations(),
      shared: this.#shared,
      helpers: this.helpers.texts(),
      entry: this.helpers.entry(),
      lines,
    };
  }

  finish(grid: readonly [number, number, number], variant: string): Shader {
    const { kernel } = this;
    const { f16, directives, parameters, declarations, shared, helpers, entry, lines } = this.pieces();
    const parts = [
      `// ${printable(kernel.name)}: ${kernel.family}, ${variant}`,
      ...(f16 ? ["enable f16;"] : []),
      ...directives,
      ...declarations,
      ...shared,
      ...helpers,
      `@compute @workgroup_size(${this.workgroupSize})`,
      `fn main(${[...BUILTINS, ...parameters].join(", ")}) {`,
      ...[...entry, ...lines].map((l) => `  ${l}`),
      "}",
      "",
    ];
    return { code: parts.join("\n"), workgroups: grid, workgroupSize: [this.workgroupSize, 1, 1], variant };
  }
}

/** The parameters of every entry point. */
export const BUILTINS = [
  "@builtin(workgroup_id) wid: vec3<u32>",
  "@builtin(local_invocation_index) lid: u32",
];

/** A grid of at least `count` workgroups that stays within the device's limit: no more than it, or folded once. */
export function foldGrid(count: number, target: Target): readonly [number, number, number] {
  const limit = target.limits.maxComputeWorkgroupsPerDimension;
  const y = Math.ceil(count / limit);
  if (y > limit) throw new Error(`${count} workgroups do not fit a grid of ${limit} by ${limit}`);
  return [Math.ceil(count / y), y, 1];
}

/** The number of a workgroup in a folded grid. */
export function groupNumber([x, y]: readonly [number, number, number]): string {
  return y > 1 ? `i32(wid.x + wid.y * ${x}u)` : "i32(wid.x)";
}
