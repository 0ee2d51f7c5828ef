import type { Expr } from "../core/expr.ts";
import { anyExpr, coord, i32, prim, rebuild } from "../core/expr.ts";
import { Exprs } from "../core/index_expr.ts";
import type { MapKernel } from "../core/kernel.ts";
import { valuesOf } from "../core/kernel.ts";
import type { BuiltKernel } from "./kernel.ts";
import type { Tensor } from "./tensor.ts";

/** Elements that are moved together, at most. */
export const VECTOR = 4;

/**
 * A map over slots of the State alone computes whole vectors, the last of which reaches into the gap behind the slots:
 * an arena's slots start at multiples of vectors, and what stands between them means nothing. So maps over one arena can
 * all read and write it in vectors.
 */
export function inVectors(built: BuiltKernel): BuiltKernel {
  const { kernel, tensors } = built;
  if (kernel.family !== "map" || kernel.shape.length !== 1 || kernel.shape[0] === 1) return built;
  const [extent] = kernel.shape;
  const whole = Math.ceil(extent / VECTOR) * VECTOR;
  if (whole === extent || kernel.stores.some((s) => !tensors[s.binding].at)) return built;
  const exprs = new Exprs(kernel.shape);
  const isOwn = (index: Expr) => {
    const first = exprs.simplify(rebuild(index, (x) => x.e === "coord" ? i32(0) : x));
    return first.e === "const" && exprs.same(index, prim("add", coord(0), first));
  };
  const isOne = (t: Tensor) => t.layout.every((d) => d === 1);
  const leaves = (x: Expr) =>
    x.e === "load" && !isOne(tensors[x.binding]) && !(tensors[x.binding].at && isOwn(x.index));
  if (anyExpr(valuesOf(kernel), leaves)) return built;
  const isRun = (t: Tensor) => t.at !== undefined && t.layout.length === 1 && t.layout[0] === extent;
  const wider = tensors.map((t): Tensor => isRun(t) ? { ...t, layout: [whole] } : t);
  if (kernel.stores.some((s) => !isRun(tensors[s.binding]))) return built;
  const bindings = kernel.bindings.map((b, i) => ({ ...b, shape: wider[i].layout }));
  const widened: MapKernel = { ...kernel, shape: [whole], bindings };
  return { kernel: widened, tensors: wider };
}
