import type { DeviceHandle } from "../providers/provider.ts";
import { MapMode, Usage } from "./usage.ts";

/** What a device was really asked to do. Tests and benchmarks read these, never the compiler's estimates. */
export interface GpuCounters {
  dispatches: number;
  /**
   * Bytes of the ranges bound to each dispatch, added up: what a kernel that touches every bound byte once moves. One
   * that reads part of a range moves less, one that reads a byte again past the caches more.
   */
  bytesBound: number;
  submits: number;
  /** Calls of mapAsync. */
  maps: number;
  /** By writeBuffer, and through ranges mapped for writing. */
  bytesUploaded: number;
  /** Through ranges mapped for reading. */
  bytesDownloaded: number;
  buffersCreated: number;
  buffersDestroyed: number;
  pipelines: number;
  /** Time in which pipelines were being made; those that are made at once count once. */
  pipelineMilliseconds: number;
  liveBytes: number;
  peakBytes: number;
}

const ZERO: Readonly<GpuCounters> = {
  dispatches: 0,
  bytesBound: 0,
  submits: 0,
  maps: 0,
  bytesUploaded: 0,
  bytesDownloaded: 0,
  buffersCreated: 0,
  buffersDestroyed: 0,
  pipelines: 0,
  pipelineMilliseconds: 0,
  liveBytes: 0,
  peakBytes: 0,
};

const counted = new WeakMap<GPUDevice, GpuCounters>();

/**
 * Counts what passes through a device from now on, and sends its promises through the provider's `wait`. The methods
 * are replaced on this one device and the objects it makes, so nothing else in the process is touched. Counting again
 * gives the same counters back.
 */
export function countCalls(handle: Pick<DeviceHandle, "gpu" | "wait">): GpuCounters {
  const { gpu } = handle;
  const known = counted.get(gpu);
  if (known) return known;
  const counters = { ...ZERO };
  counted.set(gpu, counters);
  const wait = <T>(promise: Promise<T>) => handle.wait(promise);

  const { queue } = gpu;
  around(queue, "submit", (submit, buffers) => {
    counters.submits++;
    return submit(buffers);
  });
  around(queue, "writeBuffer", (write, buffer, offset, data, dataOffset, size) => {
    const unit = ArrayBuffer.isView(data) ? (data as Uint8Array).BYTES_PER_ELEMENT ?? 1 : 1;
    counters.bytesUploaded += size === undefined ? data.byteLength - (dataOffset ?? 0) * unit : size * unit;
    return write(buffer, offset, data, dataOffset, size);
  });
  around(queue, "onSubmittedWorkDone", (done) => wait(done()));
  around(gpu, "popErrorScope", (pop) => wait(pop()));
  around(gpu, "createComputePipeline", (create, descriptor) => {
    counters.pipelines++;
    return create(descriptor);
  });
  let making = 0, since = 0;
  around(gpu, "createComputePipelineAsync", (create, descriptor) => {
    counters.pipelines++;
    if (making++ === 0) since = performance.now();
    return wait(create(descriptor)).finally(() => {
      if (--making === 0) counters.pipelineMilliseconds += performance.now() - since;
    });
  });
  around(gpu, "createBuffer", (create, descriptor) => {
    const buffer = create(descriptor);
    countBuffer(buffer, descriptor, counters, wait);
    return buffer;
  });
  const bound = new WeakMap<GPUBindGroup, number>();
  around(gpu, "createBindGroup", (create, descriptor) => {
    const group = create(descriptor);
    bound.set(group, boundBytes(descriptor));
    return group;
  });
  const countPass = passCounter(counters, bound);
  const countEncoder = overriding<GPUCommandEncoder>(({ beginComputePass }) => ({
    beginComputePass(this: GPUCommandEncoder, options?: GPUComputePassDescriptor) {
      return countPass(beginComputePass.call(this, options));
    },
  }));
  around(gpu, "createCommandEncoder", (create, descriptor) => countEncoder(create(descriptor)));
  return counters;
}

type Pass = GPUComputePassEncoder;
/** Without the overload whose offsets are a range of an array, which nothing here uses. */
type SetBindGroup = (this: Pass, index: number, group: GPUBindGroup | null, offsets?: number[]) => undefined;

function passCounter(counters: GpuCounters, bound: WeakMap<GPUBindGroup, number>): (pass: Pass) => Pass {
  const bytesOf = new WeakMap<Pass, number[]>();
  // One pass is encoded after another: it is looked up once.
  let current: Pass | undefined, bytes: number[] = [];
  const enter = (pass: Pass) => {
    current = pass;
    bytes = bytesOf.get(pass) ?? [];
    bytesOf.set(pass, bytes);
  };
  const count = (pass: Pass) => {
    if (pass !== current) enter(pass);
    counters.dispatches++;
    for (let i = 0; i < bytes.length; i++) counters.bytesBound += bytes[i] ?? 0;
  };
  return overriding(({ setBindGroup, dispatchWorkgroups, dispatchWorkgroupsIndirect }) => ({
    setBindGroup(this: Pass, index: number, group: GPUBindGroup | null, offsets?: number[]) {
      if (this !== current) enter(this);
      bytes[index] = group ? bound.get(group) ?? 0 : 0;
      return (setBindGroup as SetBindGroup).call(this, index, group, offsets);
    },
    dispatchWorkgroups(this: Pass, x: number, y?: number, z?: number) {
      count(this);
      return dispatchWorkgroups.call(this, x, y, z);
    },
    dispatchWorkgroupsIndirect(this: Pass, buffer: GPUBuffer, offset: number) {
      count(this);
      return dispatchWorkgroupsIndirect.call(this, buffer, offset);
    },
  } as Partial<Pass>));
}

/** Bytes of the buffer ranges in a bind group; an entry without a size takes the rest of its buffer. */
function boundBytes({ entries }: GPUBindGroupDescriptor): number {
  let bytes = 0;
  for (const { resource } of entries) {
    if (!("buffer" in resource)) continue;
    const { buffer, offset = 0, size = buffer.size - offset } = resource;
    bytes += size;
  }
  return bytes;
}

/** Starts counting from here; the peak starts at what is live. */
export function resetCounters(counters: GpuCounters): void {
  const { liveBytes } = counters;
  Object.assign(counters, ZERO, { liveBytes, peakBytes: liveBytes });
}

function countBuffer(
  buffer: GPUBuffer,
  descriptor: GPUBufferDescriptor,
  counters: GpuCounters,
  wait: <T>(promise: Promise<T>) => Promise<T>,
): void {
  counters.buffersCreated++;
  counters.liveBytes += descriptor.size;
  counters.peakBytes = Math.max(counters.peakBytes, counters.liveBytes);
  let live = true;
  around(buffer, "destroy", (destroy) => {
    if (live) {
      live = false;
      counters.buffersDestroyed++;
      counters.liveBytes -= descriptor.size;
    }
    return destroy();
  });
  const mappable = descriptor.mappedAtCreation ||
    (descriptor.usage & (Usage.MAP_READ | Usage.MAP_WRITE)) !== 0;
  if (!mappable) return;
  let reading = false;
  around(buffer, "mapAsync", (map, mode, offset, size) => {
    counters.maps++;
    reading = mode === MapMode.READ;
    return wait(map(mode, offset, size));
  });
  around(buffer, "getMappedRange", (range, offset, size) => {
    const bytes = range(offset, size);
    counters[reading ? "bytesDownloaded" : "bytesUploaded"] += bytes.byteLength;
    return bytes;
  });
}

/** Replaces a method of one object by `f`, which gets the original, bound, and the arguments. */
function around<
  T extends object,
  K extends keyof T,
  F extends Extract<T[K], (...args: never[]) => unknown>,
>(target: T, name: K, f: (original: F, ...args: Parameters<F>) => ReturnType<F>): void {
  const original = (target[name] as F).bind(target) as F;
  Object.defineProperty(target, name, {
    configurable: true,
    value: (...args: Parameters<F>) => f(original, ...args),
  });
}

/**
 * Has objects of one class answer some methods otherwise, by a prototype between them and their own that is made once:
 * for objects that every run makes anew, which `around` would slow.
 *
 * @param make the methods, given the class's own; `this` is the object
 */
function overriding<T extends object>(make: (own: T) => Partial<T>): (object: T) => T {
  let prototype: T | undefined;
  return (object) => {
    if (!prototype) {
      const own: T = Object.getPrototypeOf(object);
      prototype = Object.assign(Object.create(own) as T, make(own));
    }
    return Object.setPrototypeOf(object, prototype);
  };
}
