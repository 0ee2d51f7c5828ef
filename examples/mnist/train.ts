/**
 * Trains mlp.mpt on MNIST and tests it on all 10,000 test images:
 *
 *     deno run -A examples/mnist/train.ts        (or: bun run examples/mnist/train.ts)
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { batches, openDevice, Progress, train } from "../../mod.ts";
import { loadMnist } from "../data/mnist.ts";

const STEPS = 2000;
const BATCH = 128;

const mnist = await loadMnist();
const device = await openDevice();
console.log(`training on ${device.name}: ${device.probes.at(-1)!.reason}`);

const trainer = await train(fileURLToPath(new URL("mlp.mpt", import.meta.url)), device, { seed: 1 });
const progress = new Progress({ steps: STEPS, batchSize: BATCH });
const began = performance.now();
await trainer.fit(
  batches({ image: mnist.train.images, label: mnist.train.labels }, mnist.train.count, {
    batchSize: BATCH,
    epochs: Infinity,
    seed: 1,
  }),
  { steps: STEPS, onStep: (row, step) => progress.update(row, step) },
);
progress.done();
const seconds = (performance.now() - began) / 1000;

const { loss, accuracy } = await trainer.evaluate(
  batches({ image: mnist.test.images, label: mnist.test.labels }, mnist.test.count, {
    batchSize: 1000,
    shuffle: false,
  }),
);
console.log(
  `test accuracy ${(accuracy * 100).toFixed(2)}% (loss ${loss.toFixed(4)}) on ${mnist.test.count} images, ` +
    `${STEPS} steps of ${BATCH} in ${seconds.toFixed(1)} s on ${device.name}`,
);
await trainer.destroy();
device.close();
process.exitCode = accuracy >= 0.97 ? 0 : 1;
