/**
 * mpt on a rivals' net: `deno run -A bench/rivals/mpt.ts NET PRECISION`, PRECISION a preset (mixed_f16, f32);
 * with `--print` it prints the program instead, for `mpt bench`.
 *
 * @module
 */
import { compile } from "../../compiler/compile.ts";
import type { HostTensor } from "../../compiler/core/program.ts";
import { renderDiagnostics } from "../../compiler/core/render_diagnostic.ts";
import { openDevice } from "../../runtime/device.ts";
import { executorOf } from "../../runtime/executor.ts";
import type { StepRow } from "../../runtime/trainer.ts";
import { Trainer } from "../../runtime/trainer.ts";
import manifest from "../../package.json" with { type: "json" };
import { args, measure } from "./harness.ts";
import { isMlp, namedBatchOf, NETS, paramsOf, programOf } from "./nets.ts";

const { net: name, precision } = args();
const net = NETS[name];
const text = programOf(net, precision);
if (Deno.args.includes("--print")) {
  console.log(`// ${net.title}: mpt bench FILE --dims ${isMlp(net) ? "N" : "B"}=${net.batch}\n${text}`);
  Deno.exit(0);
}

const device = await openDevice();
const source = { file: `${name}.mpt`, text };
const { bundle, diagnostics } = compile(source, { target: device.target });
if (!bundle) throw new Error(renderDiagnostics(diagnostics, () => text));
const trainer = await Trainer.create(bundle, await executorOf(device));
const weights = paramsOf(net).map(({ path, shape, data }): [string, HostTensor] => [path, {
  dtype: "f32",
  shape,
  data: new Uint8Array(data.buffer),
}]);
await trainer.load(new Map(weights));

const batch = namedBatchOf(net);

/** Steps asked for and not yet queued: the trainer takes them as it has room. */
let waiting = 0;
let skipped = 0;
let last: StepRow | undefined;
const what = { implementation: "mpt", version: manifest.version, net: name, precision, device: device.name };
await measure(what, {
  step: () => void waiting++,
  async loss() {
    const steps = waiting;
    waiting = 0;
    function* batches() {
      while (true) yield batch;
    }
    const found = await trainer.fit(batches(), { steps });
    skipped += found.skipped;
    last = found.last ?? last;
    return last!.loss;
  },
  skipped: () => skipped,
  counters: device.kind === "gpu" ? device.counters : undefined,
});
await trainer.destroy();
device.close();
