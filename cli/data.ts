import type { DType } from "../compiler/core/dtype.ts";
import { byteSize, isFloat } from "../compiler/core/dtype.ts";
import type { HostTensor, InputSpec } from "../compiler/core/program.ts";
import { decode, encode } from "../compiler/core/round.ts";
import type { Batch, Dataset } from "../runtime/batch.ts";
import { BatchError } from "../runtime/batch.ts";
import type { StoredTensor } from "../runtime/io/safetensors.ts";
import { numbersOf } from "../runtime/io/safetensors.ts";

/** A data set's arrays by batch input, and its number of rows. Throws BatchError. */
export function datasetOf(
  specs: readonly InputSpec[],
  tensors: ReadonlyMap<string, StoredTensor>,
  path: string,
): [Dataset, number] {
  let rows: number | undefined;
  const arrays = specs.map((spec): [string, Dataset[string]] => {
    const tensor = tensorFor(spec, tensors);
    const count = tensor.shape[0] ?? 0;
    if ((rows ??= count) !== count) {
      throw new BatchError(`${path}: ${spec.name} has ${count} rows, others have ${rows}`);
    }
    return [spec.name, typed(toDType(tensor, spec.dtype).data, spec.dtype)];
  });
  return [Object.fromEntries(arrays), rows ?? 0];
}

function tensorFor(spec: InputSpec, tensors: ReadonlyMap<string, StoredTensor>): StoredTensor {
  const tensor = tensors.get(spec.name);
  if (tensor) return tensor;
  throw new BatchError(`the data has no ${spec.name}; it has ${[...tensors.keys()].join(", ") || "nothing"}`);
}

/**
 * Batch k of the data: the k-th rows of the tensors, or the whole tensors where there is one batch without an axis for
 * it.
 */
export function batchAt(
  specs: readonly InputSpec[],
  data: ReadonlyMap<string, StoredTensor>,
  k: number,
  of: number,
): Batch {
  return Object.fromEntries(specs.map((spec) => {
    const tensor = tensorFor(spec, data);
    const { data: bytes } = toDType(tensor, spec.dtype);
    const led = tensor.shape.length > spec.shape.length;
    if (of === 1 && !led) return [spec.name, { data: typed(bytes, spec.dtype), shape: tensor.shape }];
    if (tensor.shape[0] !== of) {
      throw new BatchError(
        `${spec.name} is [${tensor.shape.join(", ")}]: for ${of} steps its first axis must be ${of}`,
      );
    }
    const size = bytes.byteLength / of;
    return [spec.name, {
      data: typed(bytes.slice(k * size, (k + 1) * size), spec.dtype),
      shape: tensor.shape.slice(1),
    }];
  }));
}

function typed(bytes: Uint8Array, dtype: DType): Dataset[string] {
  // A copy: bytes read from a file stand at any offset, and a Buffer's own slice shares them.
  const { buffer } = new Uint8Array(bytes);
  switch (dtype) {
    case "f32":
      return new Float32Array(buffer);
    case "i32":
      return new Int32Array(buffer);
    case "u32":
      return new Uint32Array(buffer);
    case "f16":
    case "bf16":
      return new Uint16Array(buffer);
    case "i8":
      return new Int8Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

/** The tensor in another dtype, each element converted as a cast would. */
export function toDType(tensor: StoredTensor, dtype: DType): HostTensor {
  if (tensor.dtype === dtype) return { ...tensor, dtype };
  const numbers = numbersOf(tensor);
  const size = byteSize(dtype);
  const data = new Uint8Array(numbers.length * size);
  const view = new DataView(data.buffer);
  numbers.forEach((x, i) => {
    const code = encode(isFloat(dtype) ? x : Math.trunc(x), dtype);
    if (decode(code, dtype) !== x && !isFloat(dtype)) {
      throw new BatchError(`element ${i} of a ${tensor.dtype} tensor is ${x}, which ${dtype} does not hold`);
    }
    if (size === 4) view.setUint32(i * 4, code, true);
    else if (size === 2) view.setUint16(i * 2, code, true);
    else view.setUint8(i, code);
  });
  return { dtype, shape: tensor.shape, data };
}
