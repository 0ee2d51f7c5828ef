import type { Entry } from "./program.ts";

/** A stage of compiling begins, or has ended. Stages of one compilation follow one another and do not nest. */
export interface StageEvent {
  /** `parse`, `check`, `plan`; then for each entry `lower`, its passes by name, and the stages of emitting. */
  readonly stage: string;
  /** The entry that is compiled, where the stage is one of an entry's. */
  readonly entry?: Entry;
  readonly at: "begin" | "end";
  /** Of an end: what the stage made. Counted when asked for, so that a clock can be read first. */
  readonly made?: () => Made;
}

export interface Made {
  readonly count: number;
  readonly of: "declarations" | "nodes" | "kernels" | "dispatches" | "buffers" | "shaders";
}

/** Watches compilation. The compiler has no clock of its own: whoever measures brings one. */
export type OnStage = (event: StageEvent) => void;

/** What tells of an entry's stages; without a watcher it only runs them. */
export class Stages {
  constructor(readonly onStage: OnStage | undefined, readonly entry?: Entry) {}

  /** Runs a stage. One that throws is told as ended, with nothing made. */
  run<T>(stage: string, f: () => T, made?: (out: T) => Made): T {
    if (!this.onStage) return f();
    const what = { stage, ...(this.entry ? { entry: this.entry } : {}) };
    this.onStage({ ...what, at: "begin" });
    let end: (() => Made) | undefined;
    try {
      const out = f();
      end = made && (() => made(out));
      return out;
    } finally {
      this.onStage({ ...what, at: "end", ...(end ? { made: end } : {}) });
    }
  }
}
