/**
 * Trains a small GPT on Moby Dick, character by character, and lets it write:
 *
 *     deno run -A examples/gpt/train.ts [steps]        (300 unless given)
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Batch, openDevice, Progress, train, type Trainer } from "../../mod.ts";
import { encodeCharacters, loadMobyDick } from "../data/text.ts";

const CTX = 64;
const BATCH = 16;
const steps = Number(process.argv[2] ?? 300);

const { alphabet, ids } = encodeCharacters(await loadMobyDick());
const held = Math.floor(ids.length * 0.95);

/** Windows of the text at random places, each with itself one character on. */
function* windows(from: number, to: number, count: number): Generator<Batch> {
  for (let k = 0; k < count; k++) {
    const batch = { ids: new Int32Array(BATCH * CTX), target: new Int32Array(BATCH * CTX) };
    for (let b = 0; b < BATCH; b++) {
      const start = from + Math.floor(Math.random() * (to - from - CTX - 1));
      batch.ids.set(ids.subarray(start, start + CTX), b * CTX);
      batch.target.set(ids.subarray(start + 1, start + CTX + 1), b * CTX);
    }
    yield batch;
  }
}

/** Goes on from `prompt`, one character at a time, each drawn from the model's distribution at temperature 0.8. */
async function write(trainer: Trainer, prompt: string, length: number): Promise<string> {
  const text = [...prompt].map((c) => alphabet.indexOf(c));
  for (let k = 0; k < length; k++) {
    const window = text.slice(-CTX);
    const input = Int32Array.from({ length: CTX }, (_, i) => window[i] ?? 0);
    const { output } = await trainer.predict({ ids: { data: input, shape: [1, CTX] } });
    const logits = new Float32Array(output.data.slice().buffer).subarray(
      (window.length - 1) * alphabet.length,
    );
    const weights = Array.from(alphabet, (_, i) => Math.exp((logits[i] - logits[0]) / 0.8));
    let draw = Math.random() * weights.reduce((a, w) => a + w);
    text.push(Math.max(0, weights.findIndex((w) => (draw -= w) < 0)));
  }
  return text.map((id) => alphabet[id]).join("");
}

const device = await openDevice();
console.log(`training on ${device.name}`);
const trainer = await train(fileURLToPath(new URL("tiny.mpt", import.meta.url)), device, { seed: 1 });
const progress = new Progress({ steps, batchSize: BATCH });
await trainer.fit(windows(0, held, steps), { steps, onStep: (row, step) => progress.update(row, step) });
progress.done();
const { loss } = await trainer.evaluate(windows(held, ids.length, 20));
console.log(`loss ${loss.toFixed(3)} on held-out text (${(loss / Math.LN2).toFixed(2)} bits a character)\n`);
console.log(await write(trainer, "Call me Ishmael. ", 300));
await trainer.destroy();
device.close();
