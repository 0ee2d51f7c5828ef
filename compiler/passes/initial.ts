import type { TypedParam } from "../check/typed.ts";
import type { DType } from "../core/dtype.ts";
import type { Shape } from "../core/shape.ts";
import { Builder } from "../ir/builder.ts";
import type { Graph, Node, Output } from "../ir/graph.ts";
import { expand } from "../ops/broadcast.ts";
import { cast } from "../ops/cast.ts";
import { constNode, stateNode } from "../ops/leaf.ts";
import { initialValue } from "../layers/init.ts";
import type { Copy } from "./copies.ts";
import { state } from "./scaling.ts";
import type { Scaling } from "./scaling.ts";
import { copySlot, paramSlot, SCALE, SEED } from "./slots.ts";

/** A state slot as graphs speak of it. */
export interface Slot {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * The `init` graph: every parameter from its initialiser (keyed by the seed and the parameter's place in the program),
 * copies from their masters, the scale at its first value, and zero everywhere else.
 */
export function initialGraph(
  params: readonly TypedParam[],
  copies: readonly Copy[],
  slots: readonly Slot[],
  scaling: Scaling | undefined,
): Graph {
  const masters = new Map<string, Node>();
  const outputs: Output[] = params.map((p, site) => {
    const b = new Builder({ why: `initial value of ${p.path}`, span: p.span });
    const node = cast(b, initialValue(b, p.init, p.shape, site), p.dtype);
    masters.set(p.path, node);
    return state(paramSlot(p.path), node);
  });
  for (const c of copies) {
    const b = new Builder({ why: `${c.dtype} copy of ${c.path}` });
    outputs.push(state(copySlot(c.path, c.dtype), cast(b, masters.get(c.path)!, c.dtype)));
  }
  const done = new Set([...outputs.map((o) => o.name), SEED]);
  for (const slot of slots) {
    if (done.has(slot.name)) continue;
    const b = new Builder({ why: `initial value of ${slot.name}` });
    const first = slot.name === SCALE && scaling?.kind === "dynamic" ? scaling.init : 0;
    outputs.push(state(slot.name, expand(b, constNode(b, first, slot.dtype), slot.shape)));
  }
  return { outputs };
}

/** The `sync` graph: copies from their masters, after those were written from outside. */
export function syncGraph(params: readonly TypedParam[], copies: readonly Copy[]): Graph {
  const byPath = new Map(params.map((p) => [p.path, p]));
  return {
    outputs: copies.map((c) => {
      const p = byPath.get(c.path)!;
      const b = new Builder({ why: `${c.dtype} copy of ${c.path}`, span: p.span });
      return state(
        copySlot(c.path, c.dtype),
        cast(b, stateNode(b, paramSlot(p.path), p.dtype, p.shape), c.dtype),
      );
    }),
  };
}
