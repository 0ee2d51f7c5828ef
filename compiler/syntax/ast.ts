import type { Span } from "../core/span.ts";

/** Every AST node knows where it stands. */
export interface Spanned {
  readonly span: Span;
}

export interface Name extends Spanned {
  readonly text: string;
}

export interface File extends Spanned {
  readonly decls: readonly Decl[];
}

export type Decl = ImportDecl | ConstDecl | PolicyDecl | FnDecl | ModelDecl | TrainDecl;

/** `///` lines above a declaration or item, joined by newlines, without the slashes. */
export interface Documented {
  readonly doc?: string;
}

export interface ImportDecl extends Spanned, Documented {
  readonly kind: "import";
  readonly names: readonly Name[];
  readonly from: Name;
}

export interface ConstDecl extends Spanned, Documented {
  readonly kind: "const";
  readonly name: Name;
  readonly value: Expr;
}

export interface PolicyDecl extends Spanned, Documented {
  readonly kind: "policy";
  readonly name: Name;
  readonly rules: readonly Rule[];
}

/** `key: precision`; `glob` is true for a quoted path rule. */
export interface Rule extends Spanned {
  readonly key: Name;
  readonly glob: boolean;
  readonly precision: Name;
}

export interface FnDecl extends Spanned, Documented {
  readonly kind: "fn";
  readonly name: Name;
  readonly params: readonly Typed[];
  readonly result: Type;
  readonly body: Block;
}

export interface ModelDecl extends Spanned, Documented {
  readonly kind: "model";
  readonly name: Name;
  readonly formals: readonly Formal[];
  readonly items: readonly Item[];
}

export interface Formal extends Spanned {
  readonly name: Name;
  /** `int`, `float`, `bool`, `string` or `dtype`. */
  readonly type: Name;
  readonly default?: Expr;
}

export type Item = PrecisionItem | LayerItem | ParamItem | ForwardItem;

export interface PrecisionItem extends Spanned, Documented {
  readonly kind: "precision";
  /** A policy's name, or rules in place. */
  readonly policy: Name | readonly Rule[];
}

/** `layer name = callee(args) [* count] [in precision]`. */
export interface LayerItem extends Spanned, Documented {
  readonly kind: "layer";
  readonly name: Name;
  readonly callee: Name;
  readonly args: readonly Arg[];
  readonly count?: Expr;
  readonly precision?: Name;
}

export interface ParamItem extends Spanned, Documented {
  readonly kind: "param";
  readonly name: Name;
  readonly type: Type;
  readonly init: Expr;
}

export interface ForwardItem extends Spanned, Documented {
  readonly kind: "forward";
  readonly params: readonly Typed[];
  readonly result: Type;
  readonly body: Block;
}

export interface Typed extends Spanned {
  readonly name: Name;
  readonly type: Type;
}

export interface Block extends Spanned {
  readonly lets: readonly Let[];
  readonly result: Expr;
}

export interface Let extends Spanned {
  readonly pattern: Pattern;
  readonly value: Expr;
}

export type Pattern =
  | (Spanned & { readonly kind: "name"; readonly name: Name })
  | (Spanned & { readonly kind: "tuple"; readonly items: readonly Pattern[] });

export type Type =
  /** `dims` is absent for a rank-0 value or a compile-time kind; `kindName` is a dtype or float, int, bool, string, dtype. */
  | (Spanned & { readonly kind: "tensor"; readonly kindName: Name; readonly dims?: readonly Expr[] })
  | (Spanned & { readonly kind: "tuple"; readonly items: readonly Type[] });

export interface TrainDecl extends Spanned, Documented {
  readonly kind: "train";
  readonly model: Name;
  readonly args: readonly Arg[];
  readonly batch: readonly Typed[];
  readonly fields: readonly Field[];
}

export type FieldName =
  | "loss"
  | "optimizer"
  | "schedule"
  | "loss_scale"
  | "clip"
  | "accumulate"
  | "precision_control"
  | "quantize"
  | "prune"
  | "stop"
  | "ema";

export type Field =
  | (Spanned & { readonly kind: "let"; readonly pattern: Pattern; readonly value: Expr })
  | (Spanned & { readonly kind: "metric"; readonly name: Name; readonly value: Expr })
  | (Spanned & {
    readonly kind: "field";
    readonly name: Name & { readonly text: FieldName };
    readonly value: Expr;
  });

export interface Arg extends Spanned {
  readonly name?: Name;
  readonly value: Expr;
}

export type BinaryOp = "==" | "!=" | "<" | "<=" | ">" | ">=" | "+" | "-" | "*" | "/" | "%" | "@" | "**";

export type Expr =
  /** `isInt` tells `2` from `2.0`. */
  | (Spanned & { readonly kind: "number"; readonly value: number; readonly isInt: boolean })
  | (Spanned & { readonly kind: "string"; readonly value: string })
  | (Spanned & { readonly kind: "bool"; readonly value: boolean })
  | (Spanned & { readonly kind: "name"; readonly name: string })
  | (Spanned & { readonly kind: "list"; readonly items: readonly Expr[] })
  /** `(a, b)`; a one-element parenthesis is its element, with the parentheses' span lost. */
  | (Spanned & { readonly kind: "tuple"; readonly items: readonly Expr[] })
  | (Spanned & { readonly kind: "unary"; readonly op: "-"; readonly operand: Expr })
  | (Spanned & { readonly kind: "binary"; readonly op: BinaryOp; readonly left: Expr; readonly right: Expr })
  | (Spanned & { readonly kind: "call"; readonly callee: Expr; readonly args: readonly Arg[] })
  /** `value |> callee(args)`; kept apart from `call` for formatting and diagnostics. */
  | (Spanned & {
    readonly kind: "pipe";
    readonly value: Expr;
    readonly callee: Expr;
    readonly args?: readonly Arg[];
  })
  | (Spanned & { readonly kind: "index"; readonly value: Expr; readonly items: readonly IndexItem[] })
  | (Spanned & { readonly kind: "member"; readonly value: Expr; readonly name: Name })
  /** `value as kind`: converts. */
  | (Spanned & { readonly kind: "as"; readonly value: Expr; readonly to: Name })
  /** `value in precision`: says where value is computed. */
  | (Spanned & { readonly kind: "in"; readonly value: Expr; readonly precision: Name })
  | (Spanned & { readonly kind: "if"; readonly cond: Expr; readonly then: Expr; readonly else: Expr })
  /** Stands where recovery left a hole; checks stay silent about it. */
  | (Spanned & { readonly kind: "error" });

export type IndexItem =
  | (Spanned & { readonly kind: "at"; readonly index: Expr })
  | (Spanned & { readonly kind: "slice"; readonly start?: Expr; readonly stop?: Expr; readonly step?: Expr });
