/** What the numeric suites run on: one device, opened once for each test. */
import { compile } from "../../../compiler/compile.ts";
import type { CompileOptions } from "../../../compiler/compile.ts";
import type { Bundle, Executor, HostTensor } from "../../../compiler/core/program.ts";
import { decode } from "../../../compiler/core/round.ts";
import { byteSize } from "../../../compiler/core/dtype.ts";
import type { Device } from "../../../runtime/device.ts";
import { openDevice } from "../../../runtime/device.ts";
import { executorOf } from "../../../runtime/executor.ts";
import { GpuExecutor } from "../../../runtime/gpu/executor.ts";
import { Trainer } from "../../../runtime/trainer.ts";
import { fail } from "../../assert.ts";

/** Where a suite runs. `ignore` where this process has no such device. */
export interface SuiteDevice {
  readonly name: string;
  readonly ignore?: boolean;
  open(): Promise<Device>;
}

/** The CPU executor, in the main test process. */
export const CPU: SuiteDevice = { name: "cpu", open: () => openDevice({ device: "cpu" }) };

/** An opened device on which a test trains programs. */
export class Rig {
  constructor(readonly device: Device, readonly executor: Executor) {}

  /** Compiles for the device; fails with the diagnostics where the program is refused. */
  bundle(text: string, options: CompileOptions = {}): Bundle {
    const source = { file: "test.mpt", text };
    const { bundle, diagnostics } = compile(source, { target: this.device.target, verify: true, ...options });
    return bundle ?? fail(diagnostics.map((d) => `${d.code}: ${d.message}`).join("\n"));
  }

  /** Trains a program; `use` gets the trainer, which is destroyed afterwards. */
  async train<T>(
    text: string,
    use: (trainer: Trainer) => Promise<T>,
    options: { seed?: number } = {},
  ): Promise<T> {
    const trainer = await Trainer.create(this.bundle(text), this.executor, options);
    try {
      return await use(trainer);
    } finally {
      await trainer.destroy();
    }
  }
}

/** A test on a device, which is opened before it and closed after it. */
export function deviceTest(
  on: SuiteDevice,
  name: string,
  fn: (rig: Rig, t: Deno.TestContext) => Promise<void>,
): void {
  Deno.test({
    name: `${on.name}: ${name}`,
    ignore: on.ignore ?? false,
    async fn(t) {
      const device = await on.open();
      const executor = await executorOf(device);
      try {
        await fn(new Rig(device, executor), t);
      } finally {
        executor.destroy();
        // Buffers go once the device is done with them; a device closed before that takes the process down at its end.
        if (executor instanceof GpuExecutor) await executor.idle();
        device.close();
      }
    },
  });
}

/** A host tensor's numbers. */
export function numbers({ dtype, data }: HostTensor): Float64Array {
  const size = byteSize(dtype);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const code = (i: number) =>
    size === 4 ? view.getUint32(4 * i, true) : size === 2 ? view.getUint16(2 * i, true) : view.getUint8(i);
  return Float64Array.from({ length: data.byteLength / size }, (_, i) => decode(code(i), dtype));
}

/** An f32 host tensor. */
export function f32Tensor(shape: readonly number[], data: ArrayLike<number>): HostTensor {
  return { dtype: "f32", shape, data: new Uint8Array(Float32Array.from(data).buffer) };
}
