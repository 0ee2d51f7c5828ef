/** A few steps of the first example on made-up digits; prints the rows as JSON. */
import { fileURLToPath } from "node:url";
import { batches, openDevice, train } from "../../../mod.ts";

const rows = 256;
const image = Uint8Array.from({ length: rows * 784 }, (_, i) => (i * 2654435761 >>> 24) & 255);
const label = Int32Array.from({ length: rows }, (_, i) => i * 7 % 10);
const device = await openDevice();
const trainer = await train(
  fileURLToPath(new URL("../../../examples/mnist/mlp.mpt", import.meta.url)),
  device,
  { seed: 4 },
);
const seen: unknown[] = [];
await trainer.fit(batches({ image, label }, rows, { batchSize: 64, epochs: 2, seed: 1 }), {
  onStep: (row) => seen.push(row),
});
await trainer.destroy();
device.close();
console.log(JSON.stringify({ rows: seen }));
