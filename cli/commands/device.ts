import process from "node:process";
import type { Command } from "commander";
import { deviceOption } from "../options.ts";
import type { DeviceChoice } from "../../runtime/device.ts";
import { doctor, renderDoctor } from "../../runtime/doctor.ts";

export function deviceCommands(cli: Command): void {
  cli.command("doctor")
    .description(
      "say which devices there are, which one training takes and why, and what its self-test found",
    )
    .addOption(deviceOption())
    .option("--json", "print the report as JSON")
    .action(async (options: { device?: DeviceChoice; json?: boolean }) => {
      const found = await doctor({ device: options.device });
      process.stdout.write(options.json ? JSON.stringify(found, null, 2) + "\n" : renderDoctor(found));
      if (!found.device) process.exitCode = 2;
    });
}
