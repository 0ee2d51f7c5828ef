import type { Address } from "./affine.ts";
import type { Op, Slot } from "./op.ts";
import { type Bank, type Precision, Register, RegisterPool } from "./registers.ts";
import { type Access, type Step, Tape } from "./tape.ts";
import type { Lanes } from "./tiles.ts";

/** How a value varies: not at all in a dispatch; with the lanes; with the tile; with both. */
export const FIXED = 0;
export const LANE = 1;
export const TILE = 2;

/** A value to be computed: where it will be held. */
export interface Node {
  readonly id: number;
  readonly bank: Bank;
  /** Bits LANE and TILE. */
  readonly varies: number;
  register: Register | null;
  /** The last draft of the tile part that reads it. */
  lastUse: number;
}

/** An operand: a value's register (or its bits, where it is a float), or an array that is there already. */
export type Operand = { readonly node: Node; readonly bits?: boolean } | { readonly array: Slot };

export interface Draft {
  readonly fn: Op;
  readonly out?: Operand;
  readonly a?: Operand;
  readonly b?: Operand;
  readonly c?: Operand;
  readonly d?: Slot;
  readonly address?: Address;
  readonly lanes: boolean;
  readonly load?: number;
  readonly store?: number;
}

/** An operand that an instruction does not look at. */
export const NOTHING = new Int32Array(1);

/** Allocates registers and fixes every operand. Values that only one tile needs share registers by lifetime. */
export function assemble(
  drafts: Readonly<Record<"dispatch" | "lane" | "tile", readonly Draft[]>>,
  { lanes, coords, precision }: { lanes: Lanes; coords: Int32Array; precision: Precision },
): Tape {
  drafts.tile.forEach((draft, at) => {
    for (const node of inputs(draft)) node.lastUse = at;
  });
  const pool = new RegisterPool(lanes.width, precision);
  const accesses: Access[] = [];
  const hold = (node: Node) => {
    if (node.register) return;
    if (node.varies === (LANE | TILE)) pool.take(node);
    else node.register = new Register(node.bank, node.varies === LANE ? lanes.width : 1, precision);
  };
  const step = (draft: Draft): Step => {
    if (draft.out && "node" in draft.out) hold(draft.out.node);
    const step = {
      fn: draft.fn,
      o: slot(draft.out),
      a: slot(draft.a),
      ma: mask(draft.a),
      b: slot(draft.b),
      mb: mask(draft.b),
      c: slot(draft.c),
      mc: mask(draft.c),
      d: draft.d ?? NOTHING,
      address: draft.address ?? null,
      lanes: draft.lanes,
    };
    if (draft.load !== undefined) accesses.push({ step, operand: "a", binding: draft.load });
    if (draft.store !== undefined) accesses.push({ step, operand: "o", binding: draft.store });
    return step;
  };
  const dispatch = drafts.dispatch.map(step);
  const lane = drafts.lane.map(step);
  const tile = drafts.tile.map((draft, at) => {
    // An instruction may overwrite an operand that dies in it: it reads lane i before it writes it.
    for (const node of inputs(draft)) if (node.lastUse === at) pool.give(node);
    return step(draft);
  });
  return new Tape({ dispatch, lane, tile }, accesses, coords, lanes.axes[0] ?? 0);
}

function inputs({ a, b, c }: Draft): Node[] {
  return [a, b, c].flatMap((x) => x && "node" in x ? [x.node] : []);
}

function slot(x: Operand | undefined): Slot {
  if (!x) return NOTHING;
  if ("array" in x) return x.array;
  const { register, bank } = x.node;
  return bank === "f" && !x.bits ? register!.floats : register!.ints;
}

function mask(x: Operand | undefined): number {
  if (!x) return 0;
  if ("array" in x) return x.array.length === 1 ? 0 : -1;
  return x.node.varies & LANE ? -1 : 0;
}
