import process from "node:process";
import { Option } from "commander";
import type { OnStage } from "../compiler/core/stage.ts";
import type { Device } from "../runtime/device.ts";

/** `--timings`: how long each stage took, on stderr; in the JSON where the command prints one. */
export function timingsOption(): Option {
  return new Option("--timings", "show how long each stage took, from the source to pipelines");
}

/** What a stage took in all; it may have run several times. */
export interface Timing {
  readonly stage: string;
  readonly entry?: string;
  runs: number;
  milliseconds: number;
  /** What went in and what came out of the last run, as `1204 nodes`. */
  takes?: string;
  makes?: string;
}

/** Measures the stages of compiling, and of opening a device. */
export class Timings {
  readonly #rows = new Map<string, Timing>();
  #since = 0;
  #last: { readonly entry?: string; readonly makes?: string } = {};

  /** For `CompileOptions.onStage`. */
  readonly onStage: OnStage = ({ stage, entry, at, made }) => {
    const now = performance.now();
    if (at === "begin") {
      const follows = this.#last.entry === entry || this.#last.entry === undefined;
      const row = this.#row(stage, entry);
      row.takes = follows ? this.#last.makes : undefined;
      // What was counted above is not the stage's own.
      this.#since = performance.now();
      return;
    }
    const row = this.#row(stage, entry);
    row.runs++;
    row.milliseconds += now - this.#since;
    const found = made?.();
    if (found) row.makes = `${found.count} ${found.of}`;
    // Buffers are where kernels stand, not what becomes of them.
    if (found?.of !== "buffers") this.#last = { entry, makes: found ? row.makes : undefined };
  };

  /** What opening the device and making its pipelines took; the CPU has neither. */
  device(device: Device): void {
    this.selfTest(device);
    if (device.kind !== "gpu") return;
    const { pipelines, pipelineMilliseconds } = device.counters;
    this.#set("pipelines", pipelineMilliseconds, `${pipelines} pipelines`);
  }

  selfTest(device: Device): void {
    const tested = device.probes.at(-1)?.selfTestMilliseconds;
    if (device.kind !== "gpu" || tested === undefined) return;
    this.#set("self-test", tested, `${device.checks.length} checks`);
  }

  /** Rows in order of time, with each one's share of the whole. */
  toJson(): readonly (Timing & { readonly share: number })[] {
    const all = [...this.#rows.values()];
    const whole = all.reduce((sum, r) => sum + r.milliseconds, 0);
    return all.map((r) => ({ ...r, share: whole > 0 ? r.milliseconds / whole : 0 }));
  }

  toString(): string {
    const rows = this.toJson();
    const whole = rows.reduce((sum, r) => sum + r.milliseconds, 0);
    const table = [["stage", "ms", "share", "runs", "takes", "makes"]];
    let entry: string | undefined;
    for (const r of rows) {
      if (r.entry !== entry) table.push([(entry = r.entry) ?? "", "", "", "", "", ""]);
      table.push([
        `${r.entry ? "  " : ""}${r.stage}`,
        r.milliseconds.toFixed(1),
        `${(100 * r.share).toFixed(1)} %`,
        String(r.runs),
        r.takes ?? "",
        r.makes ?? "",
      ]);
    }
    table.push(["in all", whole.toFixed(1), "", "", "", ""]);
    const widths = table[0].map((_, c) => Math.max(...table.map((row) => row[c].length)));
    const line = (row: readonly string[]) =>
      row.map((cell, c) => c === 0 || c > 3 ? cell.padEnd(widths[c]) : cell.padStart(widths[c])).join("  ");
    return table.map((row) => line(row).trimEnd()).join("\n") + "\n";
  }

  /** Writes the table to stderr. */
  show(): void {
    process.stderr.write(this.toString());
  }

  #row(stage: string, entry: string | undefined): Timing {
    const key = `${entry ?? ""} ${stage}`;
    let row = this.#rows.get(key);
    if (!row) {
      row = { stage, ...(entry ? { entry } : {}), runs: 0, milliseconds: 0 };
      this.#rows.set(key, row);
    }
    return row;
  }

  #set(stage: string, milliseconds: number, makes: string): void {
    const row = this.#row(stage, undefined);
    Object.assign(row, { runs: 1, milliseconds, makes });
  }
}
