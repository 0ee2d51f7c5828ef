import type { Value } from "./body.ts";
import { Env, type Group } from "./emitter.ts";
import { LaneAnalysis } from "./lanes.ts";
import type { Module } from "./module.ts";

/**
 * A group of `size` coordinates of `axis`, from `first`, a multiple of `size`. Where the extent is no multiple, lanes
 * beyond it repeat the last coordinate: they read nothing out of range and raise no flag of their own.
 *
 * @param coords the other coordinates; the place of `axis` is filled here
 * @param accs accumulators, the same in every lane; `laneAccs` has those of each lane, where they differ
 */
export function groupOf(
  module: Module,
  coords: readonly (Value | undefined)[],
  axis: number,
  first: Value,
  size: number,
  extent: number,
  accs: readonly Value[],
  laneAccs?: readonly (readonly Value[])[],
): Group {
  const { prims } = module;
  const aligned = extent % size === 0;
  const envs = Array.from({ length: size }, (_, j) => {
    const lane = [...coords];
    if (axis >= 0) {
      const here = prims.add(first, prims.i32(j));
      lane[axis] = j === 0 || aligned ? here : prims.min(here, extent - 1);
    }
    return new Env(lane, laneAccs ? laneAccs[j] : accs);
  });
  return { envs, analysis: new LaneAnalysis(axis, size, aligned, !laneAccs) };
}
