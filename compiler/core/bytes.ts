/** Amounts of memory as people write them. */

const UNITS: readonly (readonly [string, number])[] = [
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
];

const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** `1.5 MiB`: four digits at most, rounded up so that what is shown is enough. */
export function showBytes(bytes: number): string {
  const [unit, size] = UNITS.find(([, size]) => bytes >= size) ?? ["B", 1];
  const value = bytes / size;
  const digits = size === 1 || value >= 1000 ? 0 : value >= 100 ? 1 : 2;
  const scale = 10 ** digits;
  return `${(Math.ceil(value * scale) / scale).toFixed(digits).replace(/\.0+$/, "")} ${unit}`;
}

/** Bytes of `2GiB`, `512 MiB`, `1.5e9`; undefined for what is no amount above 0. */
export function parseBytes(text: string | number): number | undefined {
  const m = /^\s*(\d+(?:\.\d+)?(?:e\+?\d+)?)\s*([a-z]*)\s*$/i.exec(String(text));
  const factor = m && Object.hasOwn(FACTORS, m[2].toLowerCase()) ? FACTORS[m[2].toLowerCase()] : undefined;
  const bytes = m && factor !== undefined ? Math.floor(Number(m[1]) * factor) : 0;
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}
