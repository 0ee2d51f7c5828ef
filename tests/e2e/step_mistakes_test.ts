import { assertStringIncludes } from "../assert.ts";
import { trajectory } from "../support/fixtures.ts";
import { batchesFile, f32, file, i32, program } from "./mlp_files.ts";
import { inFolder, mptRefuses } from "./run_cli.ts";

Deno.test("mpt step: every mistake is told in words, with exit code 2", async (t) => {
  await inFolder(async ({ path, write }) => {
    const fixture = trajectory("sgd");
    const mlp = write("mlp.mpt", program(fixture.program));
    const bare = write("bare.mpt", program("").split("train")[0]);
    const ones = (...shape: number[]) => f32(shape, new Float32Array(shape.reduce((a, d) => a * d)).fill(1));
    const data = write("data.safetensors", batchesFile(fixture));
    const three = write("three.safetensors", batchesFile(fixture, 3));
    const only = write("only.safetensors", file({ x: ones(8, 13) }));
    const narrow = write(
      "narrow.safetensors",
      file({ x: ones(8, 12), label: i32([8], [0, 1, 2, 3, 4, 0, 1, 2]) }),
    );
    const rows = write("rows.safetensors", file({ x: ones(8, 13), label: i32([7], [0, 1, 2, 3, 4, 0, 1]) }));
    const fraction = write("fraction.safetensors", file({ x: ones(1, 13), label: f32([1], [0.5]) }));
    const garbage = write("garbage.safetensors", "this is no such file");
    const wrong = write("wrong.safetensors", file({ "fc1.bias": ones(3) }));
    const unknown = write("unknown.safetensors", file({ "fc7.bias": ones(3) }));
    const step = (...args: string[]) => ["step", mlp, "--data", data, ...args];
    const cases: [string, string[], string][] = [
      ["no program", ["step", path("none.mpt"), "--data", data], "none.mpt"],
      ["no data option", ["step", mlp], "--data"],
      ["no data file", ["step", mlp, "--data", path("none")], "none"],
      ["data that is no safetensors", ["step", mlp, "--data", garbage], "garbage"],
      ["a missing input", ["step", mlp, "--data", only], "label"],
      ["an extent that does not fit", ["step", mlp, "--data", narrow], "x is [8, 12]"],
      ["inputs of different rows", ["step", mlp, "--data", rows], "N"],
      ["labels that are not whole", ["step", mlp, "--data", fraction], "0.5"],
      ["dims that do not agree", step("--dims", "N=9"), "N=9"],
      ["dims of no input", step("--dims", "M=9"), "M"],
      ["dims that are none", step("--dims", "eight"), "--dims"],
      ["a dim of zero", step("--dims", "N=0"), "--dims"],
      ["too few batches", ["step", mlp, "--data", three, "--steps", "4"], "4"],
      ["no steps", ["step", mlp, "--data", three, "--steps", "0"], "--steps"],
      ["steps that are no number", ["step", mlp, "--data", three, "--steps", "many"], "many"],
      ["a weight of the wrong shape", step("--weights", wrong), "fc1.bias"],
      ["a weight the program lacks", step("--weights", unknown), "fc7.bias"],
      ["no train block", ["step", bare, "--data", data], "train block"],
      ["a device that is none", step("--device", "abacus"), "abacus"],
      ["an output that cannot be written", step("--out", path("no/such/folder")), "no/such"],
      ["an option that is none", step("--wieghts", "x"), "--weights"],
      ["a command that is none", ["stpe", mlp], "step"],
      ["no command", [], "step"],
      ["a folder as program", ["step", path("."), "--data", data], path("")],
      ["a missing input of predict", ["predict", mlp, "--data", wrong, "--out", path("o")], "x"],
    ];
    for (const [name, args, said] of cases) {
      await t.step(name, async () => assertStringIncludes(await mptRefuses(args, 2), said));
    }
    await t.step("a faulty program is shown with its line, exit code 1", async () => {
      const text = program("optimizer = SGD(lr: 0.1)").replace("Linear(17, 5)", "Linear(16, 5)");
      const said = await mptRefuses(["step", write("faulty.mpt", text), "--data", data], 1);
      assertStringIncludes(said, "error[MPT");
      assertStringIncludes(said, "faulty.mpt:6");
    });
  });
});
