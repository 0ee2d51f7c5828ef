import { CORES, DISPATCH } from "./gpu.ts";
import type { MatrixTile, MatrixUnit } from "./matrix_plan.ts";

/**
 * How long a tiling takes with f16, in microseconds, measured on the GPU of `gpu.ts` at 33 to 3072 workgroups and sums of
 * 64 to 4096 (`bench/products.ts --tilings`).
 */
export interface MatrixSpeed {
  /** What a workgroup takes that has a core to itself, whatever the length of the sum: its first panels, its stores. */
  readonly start: number;
  /** And for every step of the sum. */
  readonly perK: number;
  /** Workgroups that share a core. */
  readonly slots: number;
  /** How many times as long each takes when all of them do. */
  readonly crowded: number;
}

/**
 * The tilings to choose from. Tiles of 96 take more loads for each product; they win where a result 384 wide, as of three
 * tiles of 128, would leave the last wave half empty.
 */
export const MATRIX_CANDIDATES: readonly (MatrixTile & MatrixSpeed)[] = [
  { tileM: 128, tileN: 128, subM: 64, subN: 64, start: 2.2, perK: 0.0162, slots: 2, crowded: 1.65 },
  { tileM: 128, tileN: 96, subM: 64, subN: 48, start: 1.9, perK: 0.0145, slots: 2, crowded: 1.65 },
  { tileM: 96, tileN: 128, subM: 48, subN: 64, start: 2.4, perK: 0.0137, slots: 2, crowded: 1.63 },
  { tileM: 128, tileN: 64, subM: 64, subN: 32, start: 0.9, perK: 0.0116, slots: 2, crowded: 1.68 },
  { tileM: 64, tileN: 64, subM: 32, subN: 32, start: 1.1, perK: 0.0086, slots: 4, crowded: 2.7 },
];

/**
 * Microseconds of a product, more or less. Workgroups run in waves of as many as the cores hold. In the last wave, which
 * need not be full, they pile up where cores fall free first: some core has one more than its share.
 */
export function timeOnMatrixUnits(
  { tileM, tileN, start, perK, slots, crowded }: MatrixTile & MatrixSpeed,
  unit: MatrixUnit,
  { batch, m, n, k }: { readonly batch: number; readonly m: number; readonly n: number; readonly k: number },
): number {
  const tiles = batch * Math.ceil(m / tileM) * Math.ceil(n / tileN);
  const alone = start + perK * Math.ceil(k / unit.tileK) * unit.tileK / unit.rate;
  const wave = (share: number) => alone * (1 + (crowded - 1) * (share - 1) / (slots - 1));
  const full = Math.floor(tiles / (slots * CORES));
  const share = Math.ceil(tiles / CORES) - full * slots;
  if (share === 0) return DISPATCH + full * wave(slots);
  return DISPATCH + full * wave(slots) + wave(full > 0 ? Math.min(slots, share + 1) : share);
}
