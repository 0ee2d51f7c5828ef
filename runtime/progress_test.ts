import { assertEquals } from "../tests/assert.ts";
import { Progress } from "./progress.ts";

Deno.test("a terminal's line rewrites itself and ends with a newline", () => {
  const written: string[] = [];
  let clock = 0;
  const output = { isTTY: true, write: (text: string) => written.push(text) };
  const progress = new Progress({ steps: 4, batchSize: 10, output, now: () => clock });
  for (let step = 0; step < 4; step++) {
    clock += 500;
    progress.update({ loss: step, scale: 8, skipped: 0 }, step);
  }
  progress.done();
  assertEquals(written, [
    "\rstep 1/4  loss 0.0000  scale 8  20 samples/s  2 s left",
    "\rstep 2/4  loss 1.0000  scale 8  20 samples/s  1 s left",
    "\rstep 3/4  loss 2.0000  scale 8  20 samples/s  1 s left",
    "\rstep 4/4  loss 3.0000  scale 8  20 samples/s  0 s left",
    "\n",
  ]);
});

Deno.test("a log gets a line now and then, with means since the last, skipped steps left out", () => {
  const written: string[] = [];
  let clock = 0;
  const output = { write: (text: string) => written.push(text) };
  const progress = new Progress({ batchSize: 1, output, now: () => clock });
  [1, 2, 100, 6].forEach((loss, step) => {
    clock += 2000;
    progress.update({ loss, scale: 1, skipped: loss === 100 ? 1 : 0 }, step);
  });
  progress.done();
  assertEquals(written, [
    "step 1  loss 1.0000  1 samples/s\n",
    "step 4  loss 4.0000  skipped 1  1 samples/s\n",
  ]);
});
