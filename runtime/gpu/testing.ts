/** A GPUDevice whose fences and maps complete when a test says so, for tests of bookkeeping. */
export class FakeGpu {
  readonly live = new Set<FakeBuffer>();
  /** Unresolved onSubmittedWorkDone calls, oldest first. */
  readonly fences: (() => void)[] = [];
  /** Unresolved mapAsync calls, oldest first. */
  readonly maps: FakeBuffer[] = [];
  readonly limits = { maxBufferSize: 1 << 30 };
  outOfMemory = false;
  readonly queue = {
    onSubmittedWorkDone: () => new Promise<void>((resolve) => this.fences.push(resolve)),
    submit: (_: unknown[]) => {},
    writeBuffer: (..._: unknown[]) => {},
  };

  createBuffer({ size, usage }: { size: number; usage: number }): FakeBuffer {
    const buffer = new FakeBuffer(this, size, usage);
    this.live.add(buffer);
    return buffer;
  }

  pushErrorScope(): void {}

  popErrorScope(): Promise<{ message: string } | null> {
    return Promise.resolve(this.outOfMemory ? { message: "no memory" } : null);
  }

  createComputePipeline(): unknown {
    return {};
  }

  createComputePipelineAsync(): Promise<unknown> {
    return Promise.resolve({});
  }

  createBindGroup(_: unknown): unknown {
    return {};
  }

  createCommandEncoder() {
    return new FakeEncoder();
  }

  asDevice(): GPUDevice {
    return this as unknown as GPUDevice;
  }
}

export class FakeBuffer {
  readonly bytes: ArrayBuffer;
  /** Completes the pending mapAsync. */
  completeMap: () => void = () => {};
  failMap: (error: Error) => void = () => {};

  constructor(readonly gpu: FakeGpu, readonly size: number, readonly usage: number) {
    this.bytes = new ArrayBuffer(size);
  }

  mapAsync(): Promise<void> {
    this.gpu.maps.push(this);
    return new Promise((resolve, reject) => {
      this.completeMap = resolve;
      this.failMap = reject;
    });
  }

  getMappedRange(offset = 0, size = this.size): ArrayBuffer {
    return this.bytes.slice(offset, offset + size);
  }

  unmap(): void {}

  destroy(): void {
    this.gpu.live.delete(this);
  }
}

/** Lets every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Classes, as a device's own objects are of: the counter works on their prototypes. */
class FakeEncoder {
  beginComputePass() {
    return new FakePass();
  }
  finish() {
    return {};
  }
}

class FakePass {
  setBindGroup(_index: number, _group: unknown) {}
  dispatchWorkgroups(_x: number, _y?: number, _z?: number) {}
  dispatchWorkgroupsIndirect(_buffer: unknown, _offset: number) {}
  end() {}
}
