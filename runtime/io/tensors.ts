import { readFileSync } from "node:fs";
import type { StoredTensor } from "./safetensors.ts";
import { decodeSafetensors, SafetensorsError } from "./safetensors.ts";
import { FileError } from "./source.ts";

/** The tensors of a safetensors file. Throws FileError, and SafetensorsError naming the file. */
export function readTensors(path: string): Map<string, StoredTensor> {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new FileError(path, "read", error);
  }
  try {
    return decodeSafetensors(bytes).tensors;
  } catch (error) {
    if (error instanceof SafetensorsError) throw new SafetensorsError(`${path}: ${error.message}`);
    throw error;
  }
}
