/** Concrete to abstract syntax: patterns and types. */

import type { Pattern, Type } from "./ast.ts";
import { ExprBuilder } from "./build_expr.ts";
import { type CstNode, nodes, token } from "./cst.ts";
import { endOf } from "./report.ts";

export class TypeBuilder extends ExprBuilder {
  pattern(cst: CstNode | undefined, at: number): Pattern {
    const span = this.spanOf(cst, at);
    const open = token(cst, "LParen");
    if (!open) return { kind: "name", name: this.name(token(cst, "Identifier"), span.start), span };
    const hole = (): Pattern => ({ kind: "name", name: this.name(undefined, span.start), span });
    return this.nest("pattern", 1, open, hole, () => {
      const items = nodes(cst, "pattern").map((p) => this.pattern(p, span.start));
      this.checkSingle(cst!, items.length);
      return items.length === 1 ? items[0] : { kind: "tuple", items, span };
    });
  }

  /** A type; one that is missing has an empty kind. */
  type(cst: CstNode | undefined, at: number): Type {
    const span = this.spanOf(cst, at);
    const hole = (): Type => ({ kind: "tensor", kindName: this.name(undefined, span.start), span });
    const open = token(cst, "LParen");
    if (open) {
      return this.nest("type", 1, open, hole, () => {
        const items = nodes(cst, "type").map((t) => this.type(t, span.start));
        this.checkSingle(cst!, items.length);
        return items.length === 1 ? items[0] : { kind: "tuple", items, span };
      });
    }
    const kind = token(cst, "Identifier");
    const bracket = token(cst, "LBracket");
    const kindName = this.name(kind, span.start);
    if (!bracket) return { kind: "tensor", kindName, span };
    const dims = nodes(cst, "arith").map((d) => this.arith(d, bracket.startOffset + 1));
    const close = token(cst, "RBracket");
    if (dims.length === 0 && kind && close && !cst!.recoveredNode && !this.faulty.has(bracket.payload)) {
      const brackets = this.reporter.span(bracket.startOffset, endOf(close));
      this.reporter.report("MPT0127", "a type's dims cannot be empty", brackets, "no dims", {
        edit: {
          help: `a single value's type is \`${kind.image}\``,
          replacements: [{ span: brackets, text: "" }],
        },
      });
    }
    return { kind: "tensor", kindName, ...(dims.length > 0 && { dims }), span };
  }
}
