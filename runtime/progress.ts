import type { StepRow } from "./trainer.ts";

/** What a progress line is written to; stderr unless given. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface ProgressOptions {
  /** Steps in all, for the time left. */
  readonly steps?: number;
  readonly batchSize: number;
  readonly output?: ProgressOutput;
  /** Milliseconds; `performance.now` unless given. */
  readonly now?: () => number;
}

const TTY_INTERVAL = 100;
const LOG_INTERVAL = 5000;

/**
 * A live line for training: step, loss, metrics, loss scale, samples a second, time left. On a terminal it rewrites
 * itself; elsewhere it prints a line every five seconds. Loss and metrics are means since the last line.
 */
export class Progress {
  private readonly now: () => number;
  private readonly output: ProgressOutput | undefined;
  private readonly begun: number;
  private shown = -Infinity;
  private sums: Record<string, number> = {};
  private rows = 0;
  private skipped = 0;
  private line = "";

  constructor(private readonly options: ProgressOptions) {
    const { process } = globalThis as { process?: { stderr?: ProgressOutput } };
    this.output = options.output ?? process?.stderr;
    this.now = options.now ?? (() => performance.now());
    this.begun = this.now();
  }

  /** Takes the row of a step; fits `onStep`. */
  update(row: StepRow, step: number): void {
    this.skipped += row.skipped ?? 0;
    // A skipped step's loss is of clamped values and tells nothing.
    if (!row.skipped) {
      for (const [name, value] of Object.entries(row)) this.sums[name] = (this.sums[name] ?? 0) + value;
      this.rows++;
    }
    const due = this.shown + (this.output?.isTTY ? TTY_INTERVAL : LOG_INTERVAL);
    if (this.now() >= due || step + 1 === this.options.steps) this.show(row, step + 1);
  }

  /** Ends the live line. */
  done(): void {
    if (this.output?.isTTY && this.line) this.output.write("\n");
    this.line = "";
  }

  private show(row: StepRow, step: number): void {
    const { steps, batchSize } = this.options;
    const seconds = Math.max((this.now() - this.begun) / 1000, 1e-9);
    const parts = [`step ${step}${steps ? `/${steps}` : ""}`];
    for (const [name, sum] of Object.entries(this.sums)) {
      if (name !== "scale" && name !== "skipped") {
        parts.push(`${name} ${(sum / Math.max(this.rows, 1)).toFixed(4)}`);
      }
    }
    if (row.scale !== 1) parts.push(`scale ${row.scale}`);
    if (this.skipped) parts.push(`skipped ${this.skipped}`);
    parts.push(`${Math.round(step * batchSize / seconds).toLocaleString("en")} samples/s`);
    if (steps) parts.push(`${duration((steps - step) * seconds / step)} left`);
    const text = parts.join("  ");
    if (this.output?.isTTY) this.output.write(`\r${text.padEnd(this.line.length)}`);
    else this.output?.write(`${text}\n`);
    this.line = text;
    this.shown = this.now();
    this.sums = {};
    this.rows = 0;
  }
}

function duration(seconds: number): string {
  const s = Math.round(seconds);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
}
