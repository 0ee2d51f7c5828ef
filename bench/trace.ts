import type { TimedDispatch } from "./variant.ts";
import { extentsOf } from "./work.ts";

/** The dispatches of one step of one variant. */
export interface TraceStep {
  readonly variant: string;
  readonly dispatches: readonly TimedDispatch[];
}

/**
 * Steps as a trace of events (the format that chrome://tracing and Perfetto open): a process for each variant, an event
 * for each dispatch, times in microseconds. What a step runs several times is drawn once.
 */
export function chromeTrace(steps: readonly TraceStep[]): unknown {
  const traceEvents = steps.flatMap(({ variant, dispatches }, pid) => {
    const name = { name: "process_name", ph: "M", pid, tid: 0, args: { name: variant } };
    let offset = 0, end = 0;
    let entry = dispatches[0]?.entry;
    const events = dispatches.map((d) => {
      if (d.entry !== entry) [entry, offset] = [d.entry, end];
      const ts = offset + d.sample.start;
      end = Math.max(end, ts + d.sample.microseconds);
      return {
        name: d.kernel.name,
        cat: d.kernel.family,
        ph: "X",
        pid,
        tid: 0,
        ts,
        dur: d.sample.microseconds,
        args: detailsOf(d),
      };
    });
    return [name, ...events];
  });
  return { displayTimeUnit: "ns", traceEvents };
}

/** What an event tells beside its times. */
export function detailsOf(d: TimedDispatch) {
  const { kernel, bytes, flops, microseconds } = d;
  return {
    entry: d.entry,
    extents: extentsOf(kernel),
    variant: kernel.shader?.variant ?? "cpu",
    fuses: kernel.fuses.join(", "),
    medianMicroseconds: microseconds,
    bytes,
    gigabytesPerSecond: bytes / (microseconds * 1000),
    ...(flops > 0 ? { flops, teraflopsPerSecond: flops / (microseconds * 1e6) } : {}),
    ...(d.times > 1 ? { timesAStep: d.times } : {}),
  };
}
