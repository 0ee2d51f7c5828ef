import { byteSize } from "../../compiler/core/dtype.ts";
import { physicalBytes } from "../../compiler/core/kernel.ts";
import type {
  Executor,
  PreparedProgram,
  Program,
  Row,
  StateHandle,
  StateLayout,
  StateSlot,
  TensorView,
} from "../../compiler/core/program.ts";
import { decode } from "../../compiler/core/round.ts";
import { type Target, TARGET_CPU } from "../../compiler/core/target.ts";
import { expectBytes, toDeviceLayout, toHostLayout } from "../layout.ts";
import type { DispatchTime, Span } from "../profile.ts";
import { summarize } from "../profile.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Precision } from "./registers.ts";

export interface CpuOptions {
  /** "f64" keeps values between roundings in f64: slower, and a reference for what f32 loses. Default "f32". */
  readonly precision?: Precision;
  /** Fills temps and results with 0xff bytes before each run: whatever is read before it is written shows as NaN. */
  readonly poison?: boolean;
}

/** Bits of an element in its word, by bytes. */
const MASKS = { 1: 0xff, 2: 0xffff, 4: 0xffffffff };

/** Longest time in milliseconds that runs keep the event loop waiting, one run's own length aside. */
const YIELD_AFTER = 30;

/** An executor on typed arrays: no device, no WebAssembly, no generated code. */
export function createCpuExecutor(options: CpuOptions = {}): Executor {
  return new CpuExecutor(options);
}

class CpuExecutor implements Executor {
  readonly target: Target = TARGET_CPU;
  readonly #pacer = new Pacer();
  readonly #states = new Set<CpuState>();

  constructor(private readonly options: CpuOptions) {}

  createState(layout: StateLayout): Promise<StateHandle> {
    const state = new CpuState(layout, () => this.#states.delete(state));
    this.#states.add(state);
    return Promise.resolve(state);
  }

  prepare(program: Program, state: StateHandle): Promise<PreparedProgram> {
    return attempt(() => {
      if (!(state instanceof CpuState) || !this.#states.has(state)) {
        throw new Error("this State belongs to another executor, or was destroyed");
      }
      let prepared = state.prepared.get(program);
      if (!prepared) {
        prepared = new CpuProgram(program, state, this.options, this.#pacer);
        state.prepared.set(program, prepared);
      }
      return prepared;
    });
  }

  destroy(): void {
    for (const state of [...this.#states]) state.destroy();
  }
}

/** Gives the event loop a turn now and then. */
class Pacer {
  #last = performance.now();

  async turn(): Promise<void> {
    if (performance.now() - this.#last < YIELD_AFTER) return;
    await new Promise((done) => setTimeout(done, 0));
    this.#last = performance.now();
  }
}

/** A promise of what a function gives or throws. */
function attempt<T>(f: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve) => resolve(f()));
}

/** Buffers are whole words, so that every element view of them exists. */
function allocate(bytes: number): ArrayBuffer {
  return new ArrayBuffer(Math.ceil(bytes / 4) * 4);
}

class CpuState implements StateHandle {
  readonly buffers: ReadonlyMap<string, ArrayBuffer>;
  readonly prepared = new Map<Program, CpuProgram>();
  readonly #slots: ReadonlyMap<string, StateSlot>;
  #live = true;

  constructor(layout: StateLayout, private readonly onDestroy: () => void) {
    this.buffers = new Map(layout.buffers.map((b) => [b.name, allocate(b.bytes)]));
    this.#slots = new Map(layout.slots.map((s) => [s.name, s]));
  }

  write(name: string, data: Uint8Array): void {
    const slot = this.#slot(name);
    expectBytes(name, data, slot.shape, slot.dtype);
    this.#bytes(slot).set(toDeviceLayout(data, slot.shape, slot.dtype));
  }

  read(name: string): Promise<Uint8Array> {
    return attempt(() => {
      const slot = this.#slot(name);
      return toHostLayout(this.#bytes(slot), slot.shape, slot.dtype);
    });
  }

  destroy(): void {
    this.#live = false;
    for (const program of [...this.prepared.values()]) program.destroy();
    this.onDestroy();
  }

  #slot(name: string): StateSlot {
    if (!this.#live) throw new Error("this State was destroyed");
    const slot = this.#slots.get(name);
    if (!slot) throw new Error(`the State has no slot named "${name}"`);
    return slot;
  }

  #bytes(slot: StateSlot): Uint8Array {
    const buffer = this.buffers.get(slot.buffer);
    if (!buffer) throw new Error(`slot ${slot.name} lies in ${slot.buffer}, which is no State buffer`);
    return new Uint8Array(buffer, slot.offset, physicalBytes(slot.shape, slot.dtype));
  }
}

/** A Program with its buffers; every run is over when `run` returns. */
export class CpuProgram implements PreparedProgram {
  readonly #buffers: readonly ArrayBuffer[];
  /** What `poison` fills. */
  readonly #scratch: readonly Uint8Array[];
  readonly #dispatcher: Dispatcher;
  readonly #inputs: readonly { readonly tensor: TensorView; readonly bytes: Uint8Array }[];
  readonly #scalars: readonly TensorView[];
  #live = true;

  constructor(
    readonly program: Program,
    private readonly state: CpuState,
    options: CpuOptions,
    private readonly pacer: Pacer,
  ) {
    this.#buffers = program.buffers.map((b) => {
      if (b.role !== "state") return allocate(b.bytes);
      const buffer = state.buffers.get(b.name);
      if (!buffer || buffer.byteLength < b.bytes) {
        throw new Error(`the State has no buffer ${b.name} of ${b.bytes} bytes`);
      }
      return buffer;
    });
    const own = this.#buffers.filter((_, i) => ["temp", "result"].includes(program.buffers[i].role));
    this.#scratch = options.poison ? own.map((b) => new Uint8Array(b)) : [];
    this.#dispatcher = new Dispatcher(program, this.#buffers, options.precision ?? "f32");
    this.#inputs = program.inputs.map((tensor) => ({ tensor, bytes: this.#bytes(tensor) }));
    this.#scalars = program.results.filter((r) => r.shape.length === 0);
  }

  run(inputs: Readonly<Record<string, Uint8Array>>): Promise<Row> {
    return attempt(() => {
      this.#upload(inputs);
      this.#dispatcher.run();
      const row = Object.fromEntries(this.#scalars.map((r) => [r.name, this.#scalar(r)]));
      return this.pacer.turn().then(() => row);
    });
  }

  /** Times every dispatch. The runs are real: they change the State as `run` does. */
  async profile(inputs: Readonly<Record<string, Uint8Array>>, runs: number): Promise<DispatchTime[]> {
    const spans: Span[][] = [];
    for (let r = 0; r < runs; r++) {
      this.#upload(inputs);
      const began = performance.now();
      const ends: number[] = [];
      this.#dispatcher.run(() => ends.push((performance.now() - began) * 1000));
      spans.push(ends.map((end, i) => ({ start: ends[i - 1] ?? 0, end })));
      await this.pacer.turn();
    }
    return summarize(this.program, spans);
  }

  ready(): Promise<void> {
    return this.pacer.turn();
  }

  read(name: string): Promise<Uint8Array> {
    return attempt(() => {
      this.#check();
      const result = this.program.results.find((r) => r.name === name);
      if (!result) throw new Error(`${this.program.entry} has no result named "${name}"`);
      return toHostLayout(this.#bytes(result), result.shape, result.dtype);
    });
  }

  destroy(): void {
    this.#live = false;
    this.state.prepared.delete(this.program);
  }

  #check(): void {
    if (!this.#live) throw new Error("this program was destroyed");
  }

  #upload(inputs: Readonly<Record<string, Uint8Array>>): void {
    this.#check();
    for (const bytes of this.#scratch) bytes.fill(0xff);
    for (const { tensor, bytes } of this.#inputs) {
      const data = inputs[tensor.name];
      if (!data) throw new Error(`this run lacks its input "${tensor.name}"`);
      expectBytes(tensor.name, data, tensor.shape, tensor.dtype);
      bytes.set(toDeviceLayout(data, tensor.shape, tensor.dtype));
    }
  }

  #scalar(result: TensorView): number {
    const { buffer, byteOffset } = this.#bytes(result);
    const word = new DataView(buffer, byteOffset, 4).getUint32(0, true);
    return decode((word & MASKS[byteSize(result.dtype)]) >>> 0, result.dtype);
  }

  #bytes({ view, shape, dtype }: TensorView): Uint8Array {
    return new Uint8Array(this.#buffers[view.buffer], view.offset, physicalBytes(shape, dtype));
  }
}
