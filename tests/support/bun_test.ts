import { assert, assertEquals } from "../assert.ts";
import { findBun } from "./bun.ts";
import { skipWithout } from "./devices.ts";

const bun = findBun();

Deno.test({
  name: "bun: the npm package's executable runs TypeScript",
  ignore: skipWithout("bun", bun !== undefined),
  fn() {
    assert(bun);
    const code = "const n: number = 6 * 7; console.log(n, process.versions.bun)";
    const { stdout, stderr, success } = new Deno.Command(bun, { args: ["-e", code] }).outputSync();
    assert(success, new TextDecoder().decode(stderr));
    const pinned: string = JSON.parse(Deno.readTextFileSync("package.json")).devDependencies.bun;
    assertEquals(new TextDecoder().decode(stdout).trim(), `42 ${pinned}`);
  },
});
