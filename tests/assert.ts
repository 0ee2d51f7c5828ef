/**
 * Assertions with the names and argument order of Deno's `@std/assert`, on top of `node:assert`, plus
 * {@linkcode assertArrayAlmostEquals} for numeric results. Switching to `@std/assert` is a change of one import.
 *
 * @module
 */
import nodeAssert, { AssertionError } from "node:assert";

export { AssertionError };

// deno-lint-ignore no-explicit-any
type Constructor<T> = abstract new (...args: any[]) => T;

/** Fails always, with `message`. */
export function fail(message = "failed"): never {
  throw new AssertionError({ message });
}

/** Marks a place that control never reaches. */
export function unreachable(message = "reached a place that should be unreachable"): never {
  return fail(message);
}

/** Fails unless `condition` is truthy. */
export function assert(condition: unknown, message = "expected a truthy value"): asserts condition {
  if (!condition) fail(message);
}

/** Fails unless `condition` is falsy. */
export function assertFalse(
  condition: unknown,
  message = "expected a falsy value",
): asserts condition is Falsy {
  if (condition) fail(message);
}
type Falsy = false | 0 | 0n | "" | null | undefined;

/** Fails unless the two values are equal, compared deeply: same types and keys, NaN equal to NaN, 0 not to -0. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  // node:assert would print only the message; keep both it and the difference.
  try {
    nodeAssert.deepStrictEqual(actual, expected);
  } catch (error) {
    throw withMessage(error, message);
  }
}

/** Fails if the two values are equal, compared deeply. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, message);
}

/** Fails unless `Object.is(actual, expected)`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T {
  try {
    nodeAssert.strictEqual(actual, expected);
  } catch (error) {
    throw withMessage(error, message);
  }
}

/** Fails if `Object.is(actual, expected)`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notStrictEqual(actual, expected, message);
}

/** Fails if `actual` is null or undefined. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  if (actual === null || actual === undefined) fail(message ?? `expected a value, found ${actual}`);
}

/** Fails unless `actual instanceof expected`. */
export function assertInstanceOf<T>(
  actual: unknown,
  expected: Constructor<T>,
  message?: string,
): asserts actual is T {
  if (!(actual instanceof expected)) {
    fail(message ?? `expected an instance of ${expected.name}, found ${describe(actual)}`);
  }
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  if (!(actual > expected)) fail(message ?? `expected ${actual} > ${expected}`);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  if (!(actual >= expected)) fail(message ?? `expected ${actual} >= ${expected}`);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, message?: string): void {
  if (!(actual < expected)) fail(message ?? `expected ${actual} < ${expected}`);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  if (!(actual <= expected)) fail(message ?? `expected ${actual} <= ${expected}`);
}

/** Fails unless `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  if (!actual.includes(expected)) {
    fail(
      lead(message) + `expected the text to contain\n  ${JSON.stringify(expected)}\nfound\n${indent(actual)}`,
    );
  }
}

/** Fails unless `expected` matches somewhere in `actual`. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  if (actual.search(expected) < 0) {
    fail(lead(message) + `expected a match of ${expected} in\n${indent(actual)}`);
  }
}

/** Fails if `expected` matches anywhere in `actual`. */
export function assertNotMatch(actual: string, expected: RegExp, message?: string): void {
  if (actual.search(expected) >= 0) {
    fail(lead(message) + `expected no match of ${expected} in\n${indent(actual)}`);
  }
}

/** Fails unless `fn` throws (an `errorClass` whose message contains `includes`, where given); returns the error. */
export function assertThrows(fn: () => unknown): unknown;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  errorClass: Constructor<E>,
  includes?: string,
): E;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  errorClass?: Constructor<E>,
  includes?: string,
) {
  try {
    fn();
  } catch (error) {
    return checkError(error, errorClass, includes);
  }
  fail(`expected the function to throw${errorClass ? ` ${errorClass.name}` : ""}`);
}

/** Fails unless the promise of `fn` rejects (as {@linkcode assertThrows}); resolves to the error. */
export function assertRejects(fn: () => PromiseLike<unknown>): Promise<unknown>;
export function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: Constructor<E>,
  includes?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  errorClass?: Constructor<E>,
  includes?: string,
) {
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    fail(`expected a rejected promise, but the function threw at once: ${describe(error)}`);
  }
  try {
    await promise;
  } catch (error) {
    return checkError(error, errorClass, includes);
  }
  fail(`expected the promise to reject${errorClass ? ` with ${errorClass.name}` : ""}`);
}

/** Fails unless `|actual - expected| <= tolerance` (default: 1e-7 of `expected`, as `@std/assert`). */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  message?: string,
): void {
  if (Object.is(actual, expected)) return;
  const limit = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (!(Math.abs(expected - actual) <= limit)) {
    fail(lead(message) + `expected ${actual} to be within ${limit} of ${expected}`);
  }
}

/** How far {@linkcode assertArrayAlmostEquals} lets an element be off: `atol + rtol * |expected|`. */
export interface ArrayTolerance {
  /** Relative tolerance; 1e-5 by default. */
  rtol?: number;
  /** Absolute tolerance; 1e-8 by default. */
  atol?: number;
  /** Said before the report. */
  message?: string;
}

/**
 * Fails unless the arrays have one length and every element is within `atol + rtol * |expected|`. The report names the
 * worst element and how many are off. A NaN fails on either side; an infinity equals only itself.
 */
export function assertArrayAlmostEquals(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 1e-5, atol = 1e-8, message }: ArrayTolerance = {},
): void {
  if (actual.length !== expected.length) {
    fail(lead(message) + `expected ${expected.length} elements, found ${actual.length}`);
  }
  let off = 0, worst = -1, worstRatio = 0;
  for (let i = 0; i < actual.length; i++) {
    const a = actual[i], e = expected[i];
    if (a === e) continue; // also equal infinities, whose difference is NaN
    const difference = Math.abs(a - e), limit = atol + rtol * Math.abs(e);
    if (difference <= limit && Number.isFinite(difference)) continue;
    off++;
    // A NaN, or an infinity on one side only, is worse than any finite error.
    const ratio = Number.isFinite(difference) ? difference / limit : Infinity;
    if (worst < 0 || ratio > worstRatio) worst = i, worstRatio = ratio;
  }
  if (off === 0) return;
  const a = actual[worst], e = expected[worst];
  fail(
    lead(message) +
      `${off} of ${actual.length} elements differ (rtol ${rtol}, atol ${atol}); the worst is [${worst}]:\n` +
      `  actual    ${a}\n  expected  ${e}\n  off by    ${Math.abs(a - e)}, ${
        worstRatio.toPrecision(3)
      } times the tolerance`,
  );
}

function checkError<E extends Error>(
  error: unknown,
  errorClass?: Constructor<E>,
  includes?: string,
): unknown {
  if (errorClass && !(error instanceof errorClass)) {
    fail(`expected ${errorClass.name}, found ${describe(error)}`);
  }
  if (includes !== undefined) {
    assertStringIncludes(
      error instanceof Error ? error.message : String(error),
      includes,
      "the error's message",
    );
  }
  return error;
}

function withMessage(error: unknown, message?: string): unknown {
  if (message !== undefined && error instanceof Error) error.message = `${message}\n${error.message}`;
  return error;
}

function describe(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value !== null && typeof value === "object") {
    return `a ${value.constructor?.name ?? "null-prototype object"}`;
  }
  return String(value);
}

const lead = (message?: string) => (message === undefined ? "" : `${message}: `);
const indent = (text: string) => text.replace(/^/gm, "  ");
