import type { BenchResult } from "./bench.ts";
import type { Measured } from "./summary.ts";

/** Dispatches that are listed by themselves. */
const LISTED = 8;

/** A result for people: ratios first, then the figures, the limits and what was checked. */
export function renderBench(r: BenchResult): string {
  const dims = Object.entries(r.dims).map(([k, v]) => `${k}=${v}`).join(" ");
  const assumed = r.assumed.length ? ` (${r.assumed.join(", ")} assumed; --dims sets it)` : "";
  const lines = [`${r.file}: ${r.model} ${dims}${assumed} on ${r.device.name}, ${r.data} data`, ""];
  for (const ratio of r.ratios) lines.push(ratioLine(ratio));
  if (r.ratios.length > 0) lines.push("");
  lines.push(...table(r), "", ...notes(r), "");
  for (const v of r.variants) {
    if (!v.measured?.device || !v.fused) continue;
    lines.push(`${v.name}: where the device's time goes`, ...slowest(v.measured), "");
  }
  lines.push(...checks(r));
  for (const fault of r.faults) lines.push(`FAULT: ${fault}`);
  return lines.join("\n") + "\n";
}

function ratioLine(
  { subject, reference, speed, memory, dispatches, bytes }: BenchResult["ratios"][number],
): string {
  const parts = [
    memory === undefined ? "" : `${memory.toFixed(2)}× its memory`,
    bytes === undefined ? "" : `${bytes.toFixed(2)}× its bytes`,
    dispatches === undefined ? "" : `${dispatches.toFixed(2)}× its dispatches`,
  ].filter(Boolean);
  return `${subject} is ${speed.toFixed(2)}× as fast as ${reference}${
    parts.length ? `: ${parts.join(", ")}` : ""
  }`;
}

function table(r: BenchResult): string[] {
  const head = [
    "a step",
    "ms",
    "±",
    "on device",
    "on host",
    "dispatches",
    "submits",
    "maps",
    "bound",
    "peak",
    "uploaded",
    "compile",
  ];
  const rows = r.variants.map((v) => {
    const m = v.measured;
    if (!m) return [v.name, "did not run"];
    const c = m.counts;
    return [
      v.name,
      ms(m.milliseconds),
      `${(m.spread * 50).toFixed(1)}%`,
      m.device ? ms(m.device.milliseconds) : "–",
      m.hostMilliseconds === undefined ? "–" : ms(m.hostMilliseconds),
      c ? plain(c.dispatches) : "–",
      c ? plain(c.submits) : "–",
      c ? plain(c.maps) : "–",
      c ? size(c.bytesBound) : m.device ? size(m.device.bytes) : "–",
      m.peakBytes === undefined ? "–" : size(m.peakBytes),
      c ? size(c.bytesUploaded) : "–",
      `${(m.compileMilliseconds / 1000).toFixed(1)} s`,
    ];
  });
  const achieved = r.variants.filter((v) => v.measured?.device).map((v) => {
    const d = v.measured!.device!;
    return [
      v.name,
      d.gigabytesPerSecond.toFixed(1),
      share(d.ofCopy),
      flops(d.teraflopsPerSecond),
      share(d.ofMatmul),
      share(d.ofBoth),
    ];
  });
  return [
    ...aligned([head, ...rows]),
    ...(achieved.length
      ? [
        "",
        ...aligned([
          ["on device", "GB/s", "of copy", "contractions", "of matmul", "of the nearer limit"],
          ...achieved,
        ]),
      ]
      : []),
  ];
}

function notes({ limits, rounds, variants }: BenchResult): string[] {
  const products = limits.matmul.map((m) => `${m.operand} ${flops(m.tflops)} at ${m.size}³`);
  const steps = variants.flatMap((v) => v.measured?.rounds.at(-1)?.steps ?? []);
  return [
    `limits measured in this run: copy ${limits.copyGBs.toPrecision(3)} GB/s; matmul ${products.join(", ")}`,
    ...(steps.length
      ? [
        `medians of ${rounds} rounds of ${[...new Set(steps)].join(", ")} queued steps, the variants in turn`,
      ]
      : []),
  ];
}

function slowest(m: Measured): string[] {
  const { dispatches, milliseconds } = m.device!;
  const rows = dispatches.slice(0, LISTED).map((d) => [
    `  ${d.kernel}`,
    `${d.medianMicroseconds.toFixed(1)} µs`,
    share(d.medianMicroseconds * (d.timesAStep ?? 1) / (milliseconds * 1000)),
    `${d.gigabytesPerSecond.toFixed(1)} GB/s`,
    d.teraflopsPerSecond === undefined ? "" : flops(d.teraflopsPerSecond),
    d.extents,
    d.variant,
  ]);
  const rest = dispatches.slice(LISTED);
  const left = rest.reduce((s, d) => s + d.medianMicroseconds * (d.timesAStep ?? 1), 0);
  return [
    ...aligned(rows),
    ...(rest.length ? [`  and ${rest.length} more: ${left.toFixed(1)} µs`] : []),
  ];
}

function checks(r: BenchResult): string[] {
  const lines = r.agreements.filter((a) => !a.fault).map((a) =>
    `checked: ${a.subject} agrees with ${a.reference} after ${a.steps} steps: loss ${
      a.losses[0].toPrecision(6)
    } and ${a.losses[1].toPrecision(6)}, weights within ${share(a.weightDifference, 3)} of their change${
      a.sensitivity
        ? ` (training is chaotic here: an f32 rounding of the first weights makes ${
          share(a.sensitivity.weights, 3)
        })`
        : ""
    }`
  );
  const same = r.repeats.filter((x) => x.identical).map((x) => x.variant);
  if (same.length > 0) {
    lines.push(`checked: trained again from the seed, ${same.join(" and ")} gave the same bits`);
  }
  return lines;
}

const ms = (x: number) => x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(3);
const flops = (tera: number) =>
  tera >= 0.1 ? `${tera.toPrecision(3)} TFLOP/s` : `${(tera * 1000).toPrecision(3)} GFLOP/s`;
const plain = (x: number) => Number.isInteger(x) ? String(x) : x.toFixed(2);
const share = (x: number, digits = 1) => `${(100 * x).toFixed(digits)}%`;

function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let k = 0;
  while (bytes >= 1024 && k < units.length - 1) [bytes, k] = [bytes / 1024, k + 1];
  return `${bytes.toFixed(bytes >= 100 || k === 0 ? 0 : 1)} ${units[k]}`;
}

/** Columns as wide as their widest cell, the first one left, the others right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, cell.length));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ").trimEnd()
  );
}
