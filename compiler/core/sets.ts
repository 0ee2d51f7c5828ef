export const NONE: ReadonlySet<never> = new Set<never>();

/** What is in any of the sets: one of them itself where that has all. */
export function union<T>(sets: readonly ReadonlySet<T>[]): ReadonlySet<T> {
  let out: ReadonlySet<T> = NONE;
  let own: Set<T> | undefined;
  for (const s of sets) {
    if (s.size === 0 || s === out) continue;
    if (out.size === 0) out = s;
    else {
      out = own ??= new Set(out);
      for (const x of s) own.add(x);
    }
  }
  return out;
}
