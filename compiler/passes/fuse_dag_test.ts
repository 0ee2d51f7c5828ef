import { assert, assertEquals } from "../../tests/assert.ts";
import { KernelDag } from "./fuse_dag.ts";

Deno.test("random dependencies that are accepted never make a circle", () => {
  const dice = (n: number) => Math.floor(n * Math.random());
  for (let trial = 0; trial < 50; trial++) {
    const dag = new KernelDag();
    const size = 3 + dice(12);
    for (let i = 0; i < size; i++) dag.add();
    const direct: [number, number][] = [];
    for (let k = 0; k < 60; k++) {
      const [a, b] = [dice(size), dice(size)];
      if (!dag.accepts(a, dag.before([b]))) continue;
      dag.depend(a, [b]);
      if (a !== b) direct.push([b, a]);
    }
    const at = new Map(dag.order().map((kernel, i) => [kernel, i]));
    for (const [before, after] of direct) {
      assert(at.get(before)! < at.get(after)!);
      assert(dag.precedes(before, after) && !dag.precedes(after, before));
    }
  }
});

Deno.test("what comes before the kernels of a deep stack is kept in memory that grows with its layers", () => {
  /** Branches of all that comes before every kernel: a layer has a kernel that no one needs and one that all need. */
  const branches = (layers: number) => {
    const dag = new KernelDag();
    const found = new Set<unknown>();
    let last: number[] = [];
    for (let i = 0; i < layers; i++) {
      const [side, main] = [dag.add(), dag.add()];
      for (const k of [side, main]) dag.depend(k, last);
      last = [main];
      // Some layers back a kernel comes to need the one that no one needed.
      if (i > 10) dag.depend(main - 20, [side - 22]);
    }
    const visit = (tree: unknown) => {
      if (typeof tree !== "object" || tree === null || found.has(tree)) return;
      found.add(tree);
      (tree as { below: unknown[] }).below.forEach(visit);
    };
    for (let k = 0; k < 2 * layers; k++) visit(dag.before([k]).root);
    return found.size;
  };
  const [some, twice] = [branches(1000), branches(2000)];
  assert(twice < 2.5 * some, `${some} → ${twice}`);
});

Deno.test("what a kernel needs, its users need", () => {
  const dag = new KernelDag();
  const [a, b, c] = [dag.add(), dag.add(), dag.add()];
  dag.depend(c, [b]);
  dag.depend(b, [a]);
  assert(dag.precedes(a, c));
  assert(!dag.accepts(a, dag.before([c])));
  assertEquals([dag.covers(dag.closure([b]), c), dag.covers(dag.closure([a]), c)], [true, false]);
  assertEquals([a, b, c].map((k) => dag.depth(k)), [0, 1, 2]);
});
