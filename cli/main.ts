import process from "node:process";
import { Command, CommanderError } from "commander";
import { trainCommands } from "./commands/train.ts";
import { programCommands } from "./commands/program.ts";
import { stepCommands } from "./commands/step.ts";
import { deviceCommands } from "./commands/device.ts";
import { benchCommands } from "./commands/bench.ts";
import { spreadDims } from "./options.ts";
import { report } from "./report.ts";

const cli = new Command("mpt")
  .description(
    "A small language for mixed-precision neural networks, compiled to fused graphs and trained on WebGPU.",
  )
  .version("0.1.0")
  .showHelpAfterError("(mpt --help lists the commands)")
  .exitOverride();

programCommands(cli);
trainCommands(cli);
stepCommands(cli);
benchCommands(cli);
deviceCommands(cli);

// Whoever reads the output may stop before its end, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  await cli.parseAsync(spreadDims(process.argv));
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else process.exitCode = report(error);
}
