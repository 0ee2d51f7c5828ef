import type { FieldName } from "../syntax/ast.ts";

/** What the fields of a train block may be: heads, their arguments, PyTorch's defaults. */

export type SettingType = "number" | "count" | "bool" | "pair" | "globs" | "groups";

export interface SettingParam {
  readonly name: string;
  readonly type: SettingType;
  /** Absent: required. `null` where none is given. */
  readonly default?: number | boolean | null | readonly number[] | readonly string[];
  /** Least and greatest value, and which of the bounds themselves are left out. */
  readonly min?: number;
  readonly max?: number;
  readonly open?: boolean | "max";
}

export interface Head {
  readonly name: string;
  readonly params: readonly SettingParam[];
  readonly doc: string;
}

const number = (name: string, value?: number, bounds: Partial<SettingParam> = { min: 0 }): SettingParam =>
  value === undefined
    ? { name, type: "number", ...bounds }
    : { name, type: "number", default: value, ...bounds };
const count = (name: string, value?: number, min = 1): SettingParam =>
  value === undefined ? { name, type: "count", min } : { name, type: "count", default: value, min };

const positive = { min: 0, open: true } as const;

const lr = (value: number) => number("lr", value, positive);
const decay = (value: number) => number("weight_decay", value);
const betas = (b1: number, b2: number): SettingParam => ({
  name: "betas",
  type: "pair",
  default: [b1, b2],
  min: 0,
  max: 1,
  open: "max",
});
const PATHS: readonly SettingParam[] = [
  { name: "no_decay", type: "globs", default: [] },
  { name: "groups", type: "groups", default: [] },
];

const OPTIMIZERS: readonly Head[] = [
  {
    name: "SGD",
    doc: "torch.optim.SGD",
    params: [
      lr(1e-3),
      number("momentum", 0),
      number("dampening", 0),
      { name: "nesterov", type: "bool", default: false },
      decay(0),
      ...PATHS,
    ],
  },
  {
    name: "Adam",
    doc: "torch.optim.Adam",
    params: [lr(1e-3), betas(0.9, 0.999), number("eps", 1e-8), decay(0), ...PATHS],
  },
  {
    name: "AdamW",
    doc: "torch.optim.AdamW",
    params: [lr(1e-3), betas(0.9, 0.999), number("eps", 1e-8), decay(0.01), ...PATHS],
  },
  { name: "Lion", doc: "Lion, decoupled decay", params: [lr(1e-4), betas(0.9, 0.99), decay(0), ...PATHS] },
];

const warmup = count("warmup", 0, 0);
const final = number("final", 0);

const SCHEDULES: readonly Head[] = [
  { name: "constant", doc: "1", params: [warmup] },
  { name: "linear", doc: "1 to final", params: [count("total"), warmup, final] },
  { name: "cosine", doc: "1 to final along a half cosine", params: [count("total"), warmup, final] },
  {
    name: "polynomial",
    doc: "1 to final by a power",
    params: [count("total"), number("power", 1, positive), final, warmup],
  },
  {
    name: "step",
    doc: "times gamma at every so many steps",
    params: [count("every"), number("gamma", 0.1, positive), warmup],
  },
  { name: "exponential", doc: "times gamma a step", params: [number("gamma", undefined, positive), warmup] },
  {
    name: "one_cycle",
    doc: "torch.optim.lr_scheduler.OneCycleLR",
    params: [count("total"), number("max", undefined, positive), warmup],
  },
];

const LOSS_SCALES: readonly Head[] = [
  { name: "none", doc: "the loss as it is", params: [] },
  { name: "static", doc: "one scale", params: [number("s", undefined, positive)] },
  {
    name: "dynamic",
    doc: "torch.amp.GradScaler's, between min and max",
    params: [
      number("init", 65536, positive),
      number("growth", 2, { min: 1, open: true }),
      number("backoff", 0.5, { min: 0, max: 1, open: true }),
      count("interval", 2000),
      number("min", 2 ** -14, positive),
      number("max", 2 ** 24, positive),
    ],
  },
];

const CLIPS: readonly Head[] = [
  { name: "norm", doc: "the global norm is at most x", params: [number("x", undefined, positive)] },
  { name: "value", doc: "every element is within ±x", params: [number("x", undefined, positive)] },
];

/** The fields whose value has a head. */
export const HEADS: Readonly<Partial<Record<FieldName, readonly Head[]>>> = {
  optimizer: OPTIMIZERS,
  schedule: SCHEDULES,
  loss_scale: LOSS_SCALES,
  clip: CLIPS,
};

/** Heads of the language that this version does not have. */
export const LATER_HEADS: Readonly<Partial<Record<FieldName, readonly string[]>>> = {
  optimizer: ["LAMB", "RMSprop", "Adagrad"],
  loss_scale: ["adaptive"],
};

/** Fields of the language that this version does not have. */
export const LATER_FIELDS: ReadonlySet<FieldName> = new Set([
  "precision_control",
  "quantize",
  "prune",
  "stop",
  "ema",
]);
