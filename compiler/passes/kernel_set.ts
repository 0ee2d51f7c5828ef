/** A word of bits, or a branch over smaller trees; absent where there is nothing below. */
type Tree = number | Branch;

interface Branch {
  readonly size: number;
  readonly below: readonly (Tree | undefined)[];
}

/** Bits of a word, and trees of a branch: 2^5. */
const BITS = 5;
const MASK = (1 << BITS) - 1;

/**
 * An immutable set of small integers: a tree of words of bits. Sets that grew from one share branches, and whatever two
 * share is passed over when they are compared or joined.
 */
export class KernelSet {
  static readonly NONE = new KernelSet(0, 0);

  /** `height`: branches from the root down to a word. */
  private constructor(readonly height: number, readonly root: Tree) {}

  get size(): number {
    return sizeOf(this.root);
  }

  has(k: number): boolean {
    if (k >>> (BITS * (this.height + 1)) > 0) return false;
    let tree: Tree | undefined = this.root;
    for (let h = this.height; typeof tree === "object"; h--) tree = tree.below[k >>> (BITS * h) & MASK];
    return tree !== undefined && (tree >>> (k & MASK) & 1) === 1;
  }

  with(k: number): KernelSet {
    let height = 0;
    let root: Tree = 1 << (k & MASK);
    for (let rest = k >>> BITS; rest > 0; rest >>>= BITS, height++) root = above(root, rest & MASK);
    return this.union(new KernelSet(height, root));
  }

  /** The set itself where the other adds nothing. */
  union(other: KernelSet): KernelSet {
    if (this.root === other.root || other.root === 0) return this;
    if (this.root === 0) return other;
    const height = Math.max(this.height, other.height);
    const mine = lifted(this, height);
    const root = join(mine, lifted(other, height));
    return root === mine ? this : new KernelSet(height, root);
  }

  includes(other: KernelSet): boolean {
    return other.root === 0 || other.height <= this.height && covers(this.root, lifted(other, this.height));
  }
}

function above(tree: Tree, at = 0): Branch {
  const below = new Array<Tree | undefined>(at);
  below.push(tree);
  return { size: sizeOf(tree), below };
}

function lifted({ root, height }: KernelSet, to: number): Tree {
  let tree = root;
  for (let h = height; h < to; h++) tree = above(tree);
  return tree;
}

function sizeOf(tree: Tree): number {
  if (typeof tree === "object") return tree.size;
  let n = 0;
  for (let w = tree; w !== 0; w &= w - 1) n++;
  return n;
}

/** The first tree itself where the second adds nothing, the second where it has all of the first. */
function join(a: Tree, b: Tree): Tree {
  if (a === b) return a;
  if (typeof a === "number" || typeof b === "number") return (a as number) | (b as number);
  let [isFirst, isSecond] = [true, true];
  const below: (Tree | undefined)[] = [];
  for (let i = 0; i < a.below.length || i < b.below.length; i++) {
    const [x, y] = [a.below[i], b.below[i]];
    const both = x === undefined ? y : y === undefined ? x : join(x, y);
    below.push(both);
    isFirst &&= both === x;
    isSecond &&= both === y;
  }
  if (isFirst) return a;
  if (isSecond) return b;
  return { size: below.reduce<number>((sum, t) => sum + (t === undefined ? 0 : sizeOf(t)), 0), below };
}

function covers(a: Tree, b: Tree): boolean {
  if (a === b) return true;
  if (typeof a === "number" || typeof b === "number") return ((b as number) & ~(a as number)) === 0;
  return b.below.every((y, i) => {
    const x = a.below[i];
    return y === undefined || x !== undefined && covers(x, y);
  });
}
