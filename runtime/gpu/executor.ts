import type { Executor, Program, StateHandle, StateLayout } from "../../compiler/core/program.ts";
import type { Target } from "../../compiler/core/target.ts";
import type { DeviceHandle } from "../providers/provider.ts";
import { GpuMemory, KERNEL_USAGE } from "./memory.ts";
import { PipelineCache } from "./pipeline.ts";
import { GpuProgram } from "./program.ts";
import { GpuState } from "./state.ts";
import { SharedTemps } from "./temps.ts";

/** Runs Programs on a GPUDevice. */
export class GpuExecutor implements Executor {
  readonly target: Target;
  readonly #gpu: GPUDevice;
  readonly #memory: GpuMemory;
  readonly #pipelines: PipelineCache;
  readonly #temps: SharedTemps;
  readonly #states = new Set<GpuState>();
  readonly #programs = new Set<GpuProgram>();
  readonly #prepared = new WeakMap<StateHandle, Map<Program, Promise<GpuProgram>>>();
  #failure: Error | undefined;
  #destroyed = false;

  constructor(device: { readonly target: Target; readonly handle: Pick<DeviceHandle, "gpu"> }) {
    this.target = device.target;
    this.#gpu = device.handle.gpu;
    this.#memory = new GpuMemory(this.#gpu);
    this.#pipelines = new PipelineCache(this.#gpu);
    this.#temps = new SharedTemps(this.#memory);
    this.#gpu.addEventListener("uncapturederror", (event) => {
      const { message } = (event as GPUUncapturedErrorEvent).error;
      // Claims the event: Dawn and Deno print it otherwise.
      event.preventDefault();
      this.#fail(new Error(`the device reported an error: ${message.trim()}`));
    });
    this.#gpu.lost.then(({ reason, message }) => {
      if (!this.#destroyed) this.#fail(new Error(`the device was lost (${reason}): ${message.trim()}`));
    });
  }

  async createState(layout: StateLayout): Promise<GpuState> {
    this.#check();
    const state = await GpuState.create(this.#gpu, this.#memory, layout, () => {
      this.#states.delete(state);
      for (const prepared of this.#prepared.get(state)?.values() ?? []) {
        prepared.then((program) => program.destroy(), () => {});
      }
    });
    this.#states.add(state);
    return state;
  }

  prepare(program: Program, state: StateHandle): Promise<GpuProgram> {
    let known = this.#prepared.get(state);
    if (!known) this.#prepared.set(state, known = new Map());
    let prepared = known.get(program);
    if (!prepared) {
      const forget = () => known.delete(program);
      prepared = this.#prepare(program, state as GpuState, forget);
      known.set(program, prepared);
      prepared.catch(forget);
    }
    return prepared;
  }

  async #prepare(program: Program, state: GpuState, forget: () => void): Promise<GpuProgram> {
    this.#check();
    // Memory and shaders at once: compiling is the longest part of the first step.
    const compiling = Promise.all(program.kernels.map((kernel) => this.#pipelines.compile(kernel)));
    compiling.catch(() => {});
    const isTemp = (i: number) => program.buffers[i].role === "temp";
    const isOwn = (i: number) => program.buffers[i].role === "input" || program.buffers[i].role === "result";
    const indices = program.buffers.map((_, i) => i);
    const request = (i: number) => ({
      label: program.buffers[i].name,
      bytes: program.buffers[i].bytes,
      usage: KERNEL_USAGE,
    });
    const temps = await this.#temps.take(indices.filter(isTemp).map(request));
    const own: GPUBuffer[] = [];
    const giveBack = () => {
      this.#temps.release(temps);
      for (const buffer of own) this.#memory.release(buffer);
    };
    try {
      own.push(...await this.#memory.create(indices.filter(isOwn).map(request)));
      const [nextTemp, nextOwn] = [temps.values(), own.values()];
      const buffers = program.buffers.map(({ name }, i) =>
        isTemp(i) ? nextTemp.next().value! : isOwn(i) ? nextOwn.next().value! : state.buffer(name)
      );
      const kernels = await compiling;
      this.#gpu.pushErrorScope("validation");
      const prepared = new GpuProgram(this.#gpu, this.#memory, program, buffers, kernels, () => {
        this.#programs.delete(prepared);
        forget();
        giveBack();
      });
      const error = await this.#gpu.popErrorScope();
      if (error) throw new Error(`the Program for ${program.entry} does not bind: ${error.message.trim()}`);
      if (this.#failure) prepared.fail(this.#failure);
      this.#programs.add(prepared);
      return prepared;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /** Resolves when everything queued has finished and every released buffer is gone. */
  async idle(): Promise<void> {
    await this.#gpu.queue.onSubmittedWorkDone();
    await this.#memory.settled();
  }

  /** Lets what is queued finish, then frees everything. */
  destroy(): void {
    this.#destroyed = true;
    for (const program of [...this.#programs]) program.destroy();
    for (const state of [...this.#states]) state.destroy();
    this.#memory.destroy();
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#destroyed) throw new Error("the executor has been destroyed");
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const program of this.#programs) program.fail(this.#failure);
  }
}
