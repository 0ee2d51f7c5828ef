import { rowLength, type Store } from "../../compiler/core/kernel.ts";
import type { Value } from "./body.ts";
import type { Group } from "./emitter.ts";
import type { Module } from "./module.ts";

/** Where a group of consecutive elements of the last axis goes. */
export interface Target {
  /** Row-major position of the row, over every axis but the last. */
  readonly row: Value;
  /** Coordinate of the group's first element on the last axis, a multiple of the group's size. */
  readonly first: Value;
  /** Extent of the last axis; a group may reach beyond it where it is no multiple of the group's size. */
  readonly extent: number;
  readonly shape: readonly number[];
}

/**
 * Writes each store's values for a group. All of them are computed before any is written, so that a kernel may write
 * what it reads. Padding is written as zero; elements of the group beyond the padded row are not written.
 */
export function storeGroup(module: Module, stores: readonly Store[], group: Group, at: Target): void {
  prepareStores(module, stores, group, at)();
}

/** Computes what `storeGroup` stores, and leaves the writing to its caller: several groups' loads can then overlap. */
export function prepareStores(
  module: Module,
  stores: readonly Store[],
  group: Group,
  at: Target,
): () => void {
  const { emitter, storage, prims, body } = module;
  const size = group.envs.length;
  const whole = at.extent % size === 0;
  // Lane j > 0 of the last group may be padding.
  const inside = group.envs.map((_, j) =>
    j === 0 || whole ? prims.true() : prims.lt(prims.add(at.first, prims.i32(j)), at.extent)
  );

  const items = stores.map(({ binding, value }) => {
    const dtype = storage.dtypeOf(binding);
    if (storage.isPacked(binding)) {
      const parts = emitter.words(value, dtype, group, inside);
      parts.forEach((word) => body.name(word));
      return { parts, exact: true };
    }
    let exact = true;
    const parts = group.envs.map((_, j) => {
      const item = emitter.storable(value, dtype, group, j);
      exact &&= item.exact;
      const kept = prims.emit(
        "select",
        [inside[j], item.value, body.constant(item.value.kind, 0)],
        item.value.kind,
      );
      body.name(kept);
      return kept;
    });
    return { parts, exact };
  });

  return () =>
    stores.forEach(({ binding, place }, i) => {
      const row = rowLength(at.shape, storage.dtypeOf(binding));
      const { parts, exact } = items[i];
      const [{ coords }] = group.envs;
      const index = place
        ? prims.add(
          prims.linear(place.strides.map((_, axis) => coords[axis]!), place.strides),
          prims.i32(place.offset),
        )
        : prims.add(prims.mul(at.row, prims.i32(row)), at.first);
      if (row % size === 0) return storage.storeGroup(binding, index, parts, exact);
      body.name(index);
      // Rows of this dtype end inside the last group, at a word's end.
      const unit = storage.lanesOf(binding);
      for (let j = 0; j < size; j += unit) {
        const exists = prims.lt(prims.add(at.first, prims.i32(j)), row);
        const write = () => {
          const here = prims.add(index, prims.i32(j));
          if (unit === 1) storage.storeElement(binding, here, parts[j], exact);
          else storage.storeGroup(binding, here, [parts[j / unit]], exact);
        };
        if (j === 0 || exists.constant) write();
        else {
          body.open(`if (${body.use(exists)})`);
          write();
          body.close();
        }
      }
    });
}
