import type { Page } from "./page.ts";
import { forward, page, train } from "./page.ts";

const FC = "layer fc = Linear(4, 4)";
const within = (precision: string) => forward("return fc(x)", `precision ${precision}\n  ${FC}`);

/** MPT03xx: precision. */
export const PRECISION: readonly Page[] = [
  page(
    "MPT0301",
    "no precision has this name",
    `A precision is f32, f16 or bf16, a preset (mixed_f16 mixed_bf16 pure_f16 pure_bf16) or a policy of the program.`,
    within("mixed_float16"),
    within("mixed_f16"),
  ),
  page(
    "MPT0302",
    "this is no dtype to compute in",
    `Operations are computed in a float dtype. A policy's key takes one dtype, not a whole policy.`,
    within("{ compute: mixed_f16 }"),
    within("{ compute: f16 }"),
  ),
  page(
    "MPT0303",
    "a path rule matches nothing",
    `A path begins under the model that has the rule, and leads to layers and parameters: blocks.0.up.weight. A rule that
    matches none of them does nothing, and most likely has a slip.`,
    within('{ compute: f16, "norm": f32 }'),
    within('{ compute: f16, "fc": f32 }'),
  ),
  page(
    "MPT0305",
    "a rule is written twice",
    `Each key and each path stands once in a policy.`,
    within("{ compute: f16, compute: bf16 }"),
    within("{ compute: f16 }"),
  ),
  page(
    "MPT0306",
    "this is no path",
    "A path is names, `*` or `**` between dots: `blocks.*.ln*` or `**.bias`.",
    within('{ compute: f16, "fc..weight": f32 }'),
    within('{ compute: f16, "fc.weight": f32 }'),
  ),
  page(
    "MPT0307",
    "a policy is defined by itself",
    `Policies may use each other, but not in a circle.`,
    `policy a { "fc": b }\npolicy b { "fc": a }\n` + within("a"),
    `policy a { "fc": b }\npolicy b { compute: bf16 }\n` + within("a"),
  ),
  page(
    "MPT0308",
    "a policy's path rule matches nothing (a warning)",
    `A policy is written for several models, so that a rule may well match nothing in this program.`,
    `policy gentle { compute: f16, "norm*": f32 }\n` + within("gentle"),
    `policy gentle { compute: f16, "fc*": f32 }\n` + within("gentle"),
  ),
  page(
    "MPT0309",
    "bce on probabilities under f16",
    `The gradient of log p is 1/p, which is beyond f16 for p below 2^-16, and p itself has been rounded by then. From
    logits the same loss is exact and needs no f32.`,
    train("loss = bce(sigmoid(M(x)), y)\noptimizer = SGD(lr: 0.1)", "x: f32[N, 4], y: f32[N, 2]"),
    train("loss = bce_with_logits(M(x), y)\noptimizer = SGD(lr: 0.1)", "x: f32[N, 4], y: f32[N, 2]"),
  ),
  page(
    "MPT0310",
    "accumulation is in f32 (a warning)",
    `Products are summed in f32, which is more exact than what the policy asks for and no slower on most devices.`,
    within("{ compute: f16, accum: f16 }"),
    within("{ compute: f16, accum: f32 }"),
  ),
  page(
    "MPT0390",
    "arrives with a later version",
    `The language has this, and this version of the compiler does not yet. It is refused by name, so that nothing is
    silently left out.`,
    within("mixed_f8"),
    within("mixed_bf16"),
  ),
];
