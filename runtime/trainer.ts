import type {
  Bundle,
  Entry,
  Executor,
  HostTensor,
  PreparedProgram,
  ProgramOptions,
  Row,
  StateHandle,
} from "../compiler/core/program.ts";
import type { Batch } from "./batch.ts";
import { BatchError, dimsOf, toBytes } from "./batch.ts";

/** One training step, or one micro-batch of it: `loss`, `scale` in force, `skipped` (0 or 1) and each metric. */
export type StepRow = Row;

export interface TrainerOptions {
  /** Fills the weights and keys every random bit. Default 0. */
  readonly seed?: number;
}

export interface FitOptions {
  /** Stop after this many updates; default: when the batches end. */
  readonly steps?: number;
  /** Called in order, soon after the device has finished each step, with the step's index from 0. */
  readonly onStep?: (row: StepRow, step: number) => void;
  /** What becomes of a batch smaller than the first: left out, or trained with a specialisation of its own. */
  readonly ragged?: "drop" | "train";
  readonly signal?: AbortSignal;
}

export interface FitResult {
  readonly steps: number;
  readonly skipped: number;
  /** Batches left out as ragged. */
  readonly dropped: number;
  readonly last?: StepRow;
}

/** Trains one Bundle's State on one device. Runs are queued in order; nothing is read back unless asked for. */
export class Trainer {
  private readonly prepared = new Map<string, Promise<PreparedProgram>>();
  /** Micro-batches since the last update. */
  private micro = 0;

  private constructor(
    readonly bundle: Bundle,
    private readonly executor: Executor,
    private readonly state: StateHandle,
  ) {}

  /** Allocates and initialises the State. Throws DiagnosticError where the program does not fit the device. */
  static async create(bundle: Bundle, executor: Executor, options: TrainerOptions = {}): Promise<Trainer> {
    const trainer = new Trainer(bundle, executor, await executor.createState(bundle.state));
    await trainer.reset(options.seed ?? 0);
    return trainer;
  }

  /** Starts over: fresh weights from the seed, optimizer and scaler as at first. */
  async reset(seed: number): Promise<void> {
    const words = new Uint32Array([seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0]);
    if (this.bundle.state.slots.some((s) => s.name === "seed")) {
      this.state.write("seed", new Uint8Array(words.buffer));
    }
    this.micro = 0;
    const init = await this.prepare("init", {});
    await init.run({});
  }

  /**
   * One batch: a whole step, or a micro-batch where the program accumulates (the row of the last one of a window tells
   * whether the update was skipped). Resolves when the device has finished; queue more without waiting if you like.
   */
  async step(batch: Batch, options: ProgramOptions = {}): Promise<StepRow> {
    return await (await this.queueStep(batch, options)).row;
  }

  private async queueStep(batch: Batch, options: ProgramOptions = {}): Promise<{ row: Promise<StepRow> }> {
    const { batch: specs, accumulate } = this.needTraining();
    const dims = dimsOf(specs, batch);
    const inputs = toBytes(specs, batch);
    if (accumulate === 1) {
      const step = await this.prepare("step", dims, options);
      await step.ready();
      return { row: step.run(inputs) };
    }
    const micro = await this.prepare("micro", dims);
    await micro.ready();
    const row = micro.run(inputs);
    this.micro = (this.micro + 1) % accumulate;
    if (this.micro !== 0) return { row };
    const apply = await this.prepare("apply", {}, options);
    const applied = apply.run({});
    return { row: Promise.all([row, applied]).then(([r, a]) => ({ ...r, ...a })) };
  }

  /**
   * Trains on batches as they come, many queued at once. A batch smaller than the first is dropped unless `ragged` says
   * otherwise. Rows reach `onStep` in order.
   */
  async fit(source: Iterable<Batch> | AsyncIterable<Batch>, options: FitOptions = {}): Promise<FitResult> {
    const { accumulate, batch: specs } = this.needTraining();
    const wanted = (options.steps ?? Infinity) * accumulate;
    let queued = 0, dropped = 0, skipped = 0, finished = 0;
    let first: string | undefined;
    let last: StepRow | undefined;
    let failure: unknown;
    let inOrder: Promise<void> = Promise.resolve();
    if (wanted <= 0) return { steps: 0, skipped, dropped };
    for await (const batch of source) {
      if (failure !== undefined || options.signal?.aborted) break;
      const key = JSON.stringify(dimsOf(specs, batch));
      first ??= key;
      if (key !== first && options.ragged !== "train") {
        dropped++;
        continue;
      }
      const { row } = await this.queueStep(batch);
      const index = queued++;
      const turn = Promise.all([row, inOrder]).then(([r]) => {
        finished++;
        if ((index + 1) % accumulate === 0) skipped += r.skipped ?? 0;
        last = r;
        options.onStep?.(r, index);
      });
      inOrder = turn.catch((e) => void (failure ??= e));
      if (queued >= wanted) break;
    }
    await inOrder;
    if (failure !== undefined) throw failure;
    return { steps: Math.floor(finished / accumulate), skipped, dropped, last };
  }

  /** Means of loss and metrics over every row of the batches, weighted by rows. */
  async evaluate(source: Iterable<Batch> | AsyncIterable<Batch>): Promise<Record<string, number>> {
    const { batch: specs } = this.needTraining();
    const sums: Record<string, number> = {};
    let rows = 0;
    const pending: Promise<void>[] = [];
    for await (const batch of source) {
      const dims = dimsOf(specs, batch);
      const program = await this.prepare("eval", dims);
      await program.ready();
      const weight = rowsOf(program);
      pending.push(
        program.run(toBytes(specs, batch)).then((row) => {
          for (const [name, value] of Object.entries(row)) sums[name] = (sums[name] ?? 0) + value * weight;
        }),
      );
      rows += weight;
    }
    await Promise.all(pending);
    if (rows === 0) throw new BatchError("evaluate was given no batches");
    return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / rows]));
  }

  /**
   * The model's outputs, unpadded: for its own inputs by name, or for the train block's batch inputs (labels may be left
   * out where the model's call does not need them).
   */
  async predict(batch: Batch): Promise<Record<string, HostTensor>> {
    const { inputs, batch: fromBatch } = this.bundle.interface;
    const own = inputs.length > 0 && inputs.every((s) => s.name in batch);
    const specs = own ? inputs : fromBatch.filter((s) => s.name in batch);
    if (specs.length === 0) {
      const names = [...inputs, ...fromBatch].map((s) => s.name).join(", ");
      throw new BatchError(
        `predict takes ${names}; it was given ${Object.keys(batch).join(", ") || "nothing"}`,
      );
    }
    const program = await this.prepare("predict", dimsOf(specs, batch), own ? {} : { fromBatch: true });
    const bytes = toBytes(specs, batch);
    for (const { name } of program.program.inputs) {
      if (!(name in bytes)) throw new BatchError(`predict needs ${name}, too`);
    }
    await program.run(bytes);
    const out: Record<string, HostTensor> = {};
    for (const { name, dtype, shape } of program.program.results) {
      out[name] = { dtype, shape, data: await program.read(name) };
    }
    return out;
  }

  /** Every parameter's master by path, unpadded. */
  async weights(): Promise<Map<string, HostTensor>> {
    const out = new Map<string, HostTensor>();
    for (const { path, dtype, shape } of this.bundle.interface.params) {
      out.set(path, { dtype, shape, data: await this.state.read(`param/${path}`) });
    }
    return out;
  }

  /**
   * Sets masters by path and derives their copies. Throws BatchError for a path or shape the program lacks, and then sets
   * none.
   */
  async load(weights: ReadonlyMap<string, HostTensor>): Promise<void> {
    const params = new Map(this.bundle.interface.params.map((p) => [p.path, p]));
    for (const [path, tensor] of weights) {
      const param = params.get(path);
      if (!param) {
        throw new BatchError(`the program has no parameter ${path}; it has ${[...params.keys()].join(", ")}`);
      }
      if (param.dtype !== tensor.dtype || param.shape.join() !== tensor.shape.join()) {
        const show = (t: { dtype: string; shape: readonly number[] }) => `${t.dtype}[${t.shape.join(", ")}]`;
        throw new BatchError(
          `${path} is ${show(param)} in the program and ${show(tensor)} in what was loaded`,
        );
      }
    }
    for (const [path, { data }] of weights) this.state.write(`param/${path}`, data);
    await (await this.prepare("sync", {})).run({});
  }

  /** The gradients of the last update, unscaled and before clipping, f32; steps must have been run with `grads`. */
  async grads(dims: Readonly<Record<string, number>>): Promise<Map<string, HostTensor>> {
    const entry: Entry = this.bundle.interface.accumulate > 1 ? "apply" : "step";
    const program = await this.prepare(entry, entry === "apply" ? {} : dims, { grads: true });
    const out = new Map<string, HostTensor>();
    for (const { name, dtype, shape } of program.program.results) {
      if (name.startsWith("grad/")) out.set(name.slice(5), { dtype, shape, data: await program.read(name) });
    }
    return out;
  }

  /** Compiles an entry for these dims ahead of its first use. */
  prepare(
    entry: Entry,
    dims: Readonly<Record<string, number>>,
    options: ProgramOptions = {},
  ): Promise<PreparedProgram> {
    const key = JSON.stringify([entry, Object.entries(dims).sort(), options]);
    let program = this.prepared.get(key);
    if (!program) {
      program = this.executor.prepare(this.bundle.program(entry, dims, options), this.state);
      this.prepared.set(key, program);
    }
    return program;
  }

  async destroy(): Promise<void> {
    for (const program of this.prepared.values()) (await program).destroy();
    this.state.destroy();
  }

  private needTraining(): Bundle["interface"] {
    if (this.bundle.interface.batch.length === 0) {
      throw new BatchError(`${this.bundle.interface.model} has no train block: it can predict, not train`);
    }
    return this.bundle.interface;
  }
}

/** Rows of a batch: the leading extent of the first input that has one. */
function rowsOf(program: PreparedProgram): number {
  return program.program.inputs.find((i) => i.shape.length > 0)?.shape[0] ?? 1;
}
