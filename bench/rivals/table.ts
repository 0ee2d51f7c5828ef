/**
 * Makes the tables of a run: `deno run -A bench/rivals/table.ts DIR [--out FILE]` reads DIR/rivals.jsonl and
 * DIR/bench-*.json, writes FILE (DIR/results.md unless given) and prints the rivals' table in short.
 *
 * @module
 */
import type { BenchResult } from "../bench.ts";
import type { Measurement } from "./harness.ts";
import { NETS } from "./nets.ts";

type Line = Partial<Measurement> & Pick<Measurement, "implementation" | "net" | "precision">;

/** What PyTorch's own copy and products reach, and anything else a line of limits says. */
type Limits = Line & { readonly copyGBs?: number } & Readonly<Record<string, unknown>>;

const [dir, ...rest] = Deno.args;
if (!dir) {
  console.error("usage: table.ts DIR [--out FILE]");
  Deno.exit(2);
}
const out = rest[0] === "--out" ? rest[1] : `${dir}/results.md`;
const lines = Deno.readTextFileSync(`${dir}/rivals.jsonl`).split("\n").filter(Boolean)
  .map((line): Line => JSON.parse(line));
const limits = lines.find((l) => l.net === "limits") as Limits | undefined;
const nets = [...new Set(lines.map((l) => l.net))].filter((net) => net in NETS);
const benches = nets.flatMap((net): [string, BenchResult][] => {
  try {
    return [[net, JSON.parse(Deno.readTextFileSync(`${dir}/bench-${net}.json`))]];
  } catch {
    return [];
  }
});
Deno.writeTextFileSync(out, page());
console.log(short());

function page(): string {
  const device = lines.find((l) => l.implementation === "mpt" && l.device)?.device ?? "an unknown device";
  const parts = [
    `# mpt and others on ${device}`,
    "Medians of five rounds of queued steps, the last loss read in each; the same weights, batch and AdamW everywhere. " +
    "Made by `bash bench/h100.sh` and `bench/rivals/table.ts`; the WebGPU implementations run on the same Dawn under " +
    "Deno, PyTorch on CUDA. mpt uploads its batch every step, the others keep it on the device.",
    ...(limits && !limits.failed ? [limitsLine(limits)] : []),
    ...nets.flatMap((net) => [`## ${NETS[net].title}`, rivalsTable(net)]),
    ...(benches.length ? ["# mpt: mixed and f32, fused and unfused"] : []),
    ...benches.flatMap(([net, result]) => [`## ${NETS[net].title}`, benchTable(result), benchNotes(result)]),
  ];
  return parts.join("\n\n") + "\n";
}

function limitsLine({ copyGBs, ...of }: Limits): string {
  const products = Object.entries(of).filter(([k]) => k.startsWith("matmul."))
    .map(([k, v]) => `${k.slice(7)} ${Number(v).toFixed(0)}`);
  return `PyTorch ${of.version} on the card: copy ${
    Number(copyGBs).toFixed(0)
  } GB/s; 4096³ products in TFLOP/s (i8, into i32, in TOP/s): ${products.join(", ")}.`;
}

function ranked(net: string): Line[] {
  return lines.filter((l) => l.net === net)
    .toSorted((a, b) => (a.milliseconds ?? Infinity) - (b.milliseconds ?? Infinity));
}

/** The fastest of mpt's own: what the others are compared with. */
function ours(net: string): number {
  return Math.min(...ranked(net).flatMap((l) => l.implementation === "mpt" ? l.milliseconds ?? [] : []));
}

function times(net: string, milliseconds: number): string {
  return Number.isFinite(ours(net)) ? (milliseconds / ours(net)).toFixed(2) : "–";
}

function rivalsTable(net: string): string {
  const head = [
    "implementation",
    "precision",
    "ms a step",
    "± %",
    "times mpt's",
    "dispatches",
    "submits",
    "peak GiB",
    "loss 1",
    "loss 6",
  ];
  const rows = ranked(net).map((l) => {
    const who = [l.implementation, l.version].filter(Boolean).join(" ");
    if (l.milliseconds === undefined) return [who, l.precision, `failed: ${l.failed}`];
    const rounds = l.rounds ?? [];
    return [
      who,
      l.precision,
      digits(l.milliseconds),
      (50 * (Math.max(...rounds) - Math.min(...rounds)) / l.milliseconds).toFixed(1),
      times(net, l.milliseconds),
      l.dispatches?.toFixed(0) ?? "",
      l.submits?.toFixed(0) ?? "",
      l.peakBytes ? (l.peakBytes / 2 ** 30).toFixed(2) : "",
      lossCell(net, l, "firstLoss"),
      lossCell(net, l, "sixthLoss"),
    ];
  });
  return markdown(head, rows);
}

/** A loss, marked where it is further from the median of all than the precision explains. */
function lossCell(net: string, line: Line, which: "firstLoss" | "sixthLoss"): string {
  const all = lines.filter((l) => l.net === net).flatMap((l) => l[which] ?? []).sort((a, b) => a - b);
  const middle = all[all.length >> 1], loss = line[which]!;
  const near = Math.abs(loss - middle) <= (line.precision === "f32" ? 2e-3 : 2e-2) * Math.abs(middle);
  const skipped = which === "sixthLoss" && line.skipped ? ` (${line.skipped} skipped)` : "";
  return `${loss.toPrecision(6)}${near ? "" : " ✗"}${skipped}`;
}

function benchTable(r: BenchResult): string {
  const head = [
    "a step",
    "ms",
    "on device",
    "on host",
    "dispatches",
    "bound MiB",
    "peak MiB",
    "GB/s",
    "of copy",
    "TFLOP/s",
    "of matmul",
    "of the nearer limit",
  ];
  const rows = r.variants.map((v) => {
    const { measured: m } = v;
    if (!m) return [v.name, `failed: ${v.failed}`];
    const d = m.device;
    return [
      v.name,
      digits(m.milliseconds),
      d ? digits(d.milliseconds) : "",
      m.hostMilliseconds === undefined ? "" : digits(m.hostMilliseconds),
      m.counts?.dispatches.toFixed(0) ?? "",
      m.counts ? mebi(m.counts.bytesBound) : "",
      m.peakBytes === undefined ? "" : mebi(m.peakBytes),
      ...(d
        ? [
          d.gigabytesPerSecond.toFixed(0),
          percent(d.ofCopy),
          d.teraflopsPerSecond.toPrecision(3),
          percent(d.ofMatmul),
          percent(d.ofBoth),
        ]
        : []),
    ];
  });
  return markdown(head, rows);
}

function benchNotes(r: BenchResult): string {
  const products = r.limits.matmul.map((m) =>
    `${m.operand} ${m.tflops.toPrecision(3)} TFLOP/s at ${m.size}³`
  );
  const ratios = r.ratios.map((x) =>
    `${x.subject} is ${x.speed.toFixed(2)}× as fast as ${x.reference}${
      x.memory === undefined ? "" : ` in ${x.memory.toFixed(2)}× its memory`
    }`
  );
  const notes = [
    `${ratios.join("; ")}.`,
    `Limits measured in the run: copy ${r.limits.copyGBs.toFixed(0)} GB/s; mpt's own products ${
      products.join(", ")
    }.`,
    ...r.faults.map((fault) => `**Fault:** ${fault}`),
  ];
  return notes.join("\n\n");
}

function short(): string {
  const rows = nets.flatMap((net) =>
    ranked(net).map((l) =>
      [
        net.padEnd(9),
        `${l.implementation} ${l.precision}`.padEnd(18),
        l.milliseconds === undefined
          ? `failed: ${l.failed}`.slice(0, 80)
          : digits(l.milliseconds).padStart(8) + " ms",
        l.milliseconds === undefined ? "" : `${times(net, l.milliseconds).padStart(7)}×`,
        l.sixthLoss === undefined ? "" : `loss 6 ${lossCell(net, l, "sixthLoss")}`,
      ].join(" ").trimEnd()
    )
  );
  const ratios = benches.flatMap((
    [net, r],
  ) => [
    ...r.ratios.map((x) => `${net}: ${x.subject} ${x.speed.toFixed(2)}× as fast as ${x.reference}`),
    ...r.faults.map((f) => `${net}: FAULT ${f}`.slice(0, 160)),
  ]);
  return [...rows, ...ratios].join("\n");
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${head.map((_, i) => cells[i] ?? "").join(" | ")} |`;
  return [line(head), `|${head.map((_, i) => i < 1 ? " --- |" : " ---: |").join("")}`, ...rows.map(line)]
    .join("\n");
}

function digits(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms >= 1 ? ms.toFixed(2) : ms.toFixed(3);
}

function mebi(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(bytes < 2 ** 24 ? 2 : 0);
}

function percent(x: number): string {
  return `${(100 * x).toFixed(1)}%`;
}
