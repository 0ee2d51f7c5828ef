import { hostRuntime } from "./environment.ts";
import type { DeviceOptions, ProbeRecord } from "./device.ts";
import { DeviceError, openDevice } from "./device.ts";
import type { Target } from "../compiler/core/target.ts";

/** What `mpt doctor` prints and, with `--json`, emits. */
export interface DoctorReport {
  /** "deno 2.9.6" */
  readonly host: string;
  /** Absent where the device asked for cannot be used; `problem` then says why. */
  readonly device?: { readonly name: string; readonly target: Target };
  readonly problem?: string;
  readonly probes: readonly ProbeRecord[];
}

/** Opens a device as training would, closes it again, and tells everything that was found on the way. Never throws. */
export async function doctor(options: DeviceOptions = {}): Promise<DoctorReport> {
  const host = hostVersion();
  try {
    const device = await openDevice(options);
    device.close();
    return { host, device: { name: device.name, target: device.target }, probes: device.probes };
  } catch (error) {
    const probes = error instanceof DeviceError ? error.probes : [];
    return { host, problem: error instanceof Error ? error.message : String(error), probes };
  }
}

/** The report as text, one fact a line. */
export function renderDoctor(report: DoctorReport): string {
  const lines = [`host     ${report.host}`];
  lines.push(report.device ? `device   ${report.device.name}` : `problem  ${report.problem}`);
  lines.push("");
  for (const probe of report.probes) lines.push(...renderProbe(probe));
  if (report.device && report.device.target.provider !== "cpu") {
    lines.push("", "target", ...renderTarget(report.device.target));
  }
  return lines.join("\n") + "\n";
}

function renderProbe(probe: ProbeRecord): string[] {
  const lines = [`${probe.provider}: ${probe.outcome}, ${probe.reason}`];
  if (probe.adapter) {
    lines.push(`  adapter  ${probe.adapter.description}${probe.adapter.software ? " (software)" : ""}`);
  }
  if (!probe.checks) return lines;
  const width = Math.max(...probe.checks.map((c) => c.check.length));
  for (const { check, ok, detail } of probe.checks) {
    lines.push(`  ${ok ? "ok  " : "FAIL"} ${check.padEnd(width)}  ${detail}`);
  }
  lines.push(`  self-test took ${probe.selfTestMilliseconds!.toFixed(0)} ms`);
  return lines;
}

function renderTarget(target: Target): string[] {
  const { subgroups, subgroupMatrix } = target;
  const sizes = subgroups &&
    (subgroups.min === subgroups.max ? `${subgroups.max}` : `${subgroups.min} to ${subgroups.max}`);
  const rows: [string, string][] = [
    ["f16", target.f16 ? "native" : "packed"],
    ["subgroups", sizes ?? "no"],
    [
      "matrix units",
      subgroupMatrix.map((s) => `${s.component} to ${s.result} ${s.M}x${s.N}x${s.K}`).join(", ") || "no",
    ],
    ...Object.entries(target.limits).map((
      [name, value],
    ): [string, string] => [name, value.toLocaleString("en")]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}

function hostVersion(): string {
  const { Deno, process } = globalThis as {
    Deno?: { version: { deno: string } };
    process?: { versions?: Record<string, string | undefined> };
  };
  const version = Deno?.version.deno ?? process?.versions?.[hostRuntime];
  return version ? `${hostRuntime} ${version}` : hostRuntime;
}
