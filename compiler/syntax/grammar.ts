/**
 * The grammar, as a concrete syntax tree. It takes a little more than the language allows where that gives a better
 * answer than "unexpected token": the tree builder refuses the rest in words of its own.
 */

import { EOF } from "chevrotain";
import * as E from "./expectations.ts";
import { ExpressionGrammar } from "./expression_grammar.ts";
import * as T from "./tokens.ts";

export class Grammar extends ExpressionGrammar {
  constructor(options: { skipValidations: boolean }) {
    super(options);
    this.performSelfAnalysis();
  }

  // Declarations

  file = this.RULE("file", () => {
    this.MANY(() => this.SUBRULE(this.declaration));
    this.CONSUME(EOF);
  });

  declaration = this.RULE("declaration", () => {
    this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.importDecl) },
        { ALT: () => this.SUBRULE(this.constant) },
        { ALT: () => this.SUBRULE(this.policy) },
        { ALT: () => this.SUBRULE(this.fn) },
        { ALT: () => this.SUBRULE(this.model) },
        { ALT: () => this.SUBRULE(this.train) },
      ],
      ERR_MSG: E.A_DECLARATION,
    });
  });

  importDecl = this.RULE("importDecl", () => {
    this.CONSUME(T.Import);
    this.CONSUME(T.LBrace);
    this.CONSUME1(T.Identifier);
    this.MANY(() => {
      this.CONSUME1(T.Comma);
      this.CONSUME2(T.Identifier);
    });
    this.OPTION(() => this.CONSUME2(T.Comma));
    this.CONSUME(T.RBrace);
    this.CONSUME3(T.Identifier, { LABEL: "from" });
    this.CONSUME(T.StringLiteral);
  });

  constant = this.RULE("constant", () => {
    this.CONSUME(T.Const);
    this.CONSUME(T.Identifier);
    this.CONSUME(T.Equals);
    this.SUBRULE(this.expr);
  });

  policy = this.RULE("policy", () => {
    this.CONSUME(T.Policy);
    this.CONSUME(T.Identifier);
    this.SUBRULE(this.rules);
  });

  rules = this.RULE("rules", () => {
    this.CONSUME(T.LBrace);
    this.SUBRULE1(this.rule);
    this.MANY(() => {
      this.CONSUME1(T.Comma);
      this.SUBRULE2(this.rule);
    });
    this.OPTION(() => this.CONSUME2(T.Comma));
    this.CONSUME(T.RBrace);
  });

  rule = this.RULE("rule", () => {
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME1(T.Identifier, { LABEL: "key" }) },
        { ALT: () => this.CONSUME(T.StringLiteral) },
      ],
      ERR_MSG: "a rule",
    });
    this.CONSUME(T.Colon);
    this.CONSUME2(T.Identifier);
  });

  fn = this.RULE("fn", () => {
    this.CONSUME(T.Fn);
    this.CONSUME(T.Identifier);
    this.SUBRULE(this.signature);
    this.SUBRULE(this.block);
  });

  model = this.RULE("model", () => {
    this.CONSUME(T.Model);
    this.CONSUME(T.Identifier);
    this.OPTION(() => this.SUBRULE(this.formals));
    this.CONSUME(T.LBrace);
    this.MANY(() => this.SUBRULE(this.item));
    this.CONSUME(T.RBrace);
  });

  formals = this.RULE("formals", () => {
    this.CONSUME(T.LParen);
    this.OPTION1(() => {
      this.SUBRULE1(this.formal);
      this.MANY(() => {
        this.CONSUME1(T.Comma);
        this.SUBRULE2(this.formal);
      });
      this.OPTION2(() => this.CONSUME2(T.Comma));
    });
    this.CONSUME(T.RParen);
  });

  formal = this.RULE("formal", () => {
    this.CONSUME1(T.Identifier);
    this.CONSUME(T.Colon);
    this.CONSUME2(T.Identifier, { LABEL: "type" });
    this.OPTION(() => {
      this.CONSUME(T.Equals);
      this.SUBRULE(this.expr);
    });
  });

  item = this.RULE("item", () => {
    this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.precision) },
        { ALT: () => this.SUBRULE(this.layer) },
        { ALT: () => this.SUBRULE(this.param) },
        { ALT: () => this.SUBRULE(this.forward) },
      ],
      ERR_MSG: E.AN_ITEM,
    });
  });

  precision = this.RULE("precision", () => {
    this.CONSUME(T.Precision);
    this.OR({
      DEF: [{ ALT: () => this.CONSUME(T.Identifier) }, { ALT: () => this.SUBRULE(this.rules) }],
      ERR_MSG: "a policy's name or `{`",
    });
  });

  layer = this.RULE("layer", () => {
    this.CONSUME(T.Layer);
    this.CONSUME1(T.Identifier);
    this.CONSUME(T.Equals);
    this.CONSUME2(T.Identifier, { LABEL: "callee" });
    this.SUBRULE(this.args);
    this.OPTION1(() => {
      this.CONSUME(T.Star);
      this.SUBRULE(this.count);
    });
    this.OPTION2(() => this.SUBRULE(this.inClause));
  });

  /** A unary: what a layer's `*` multiplies by. */
  count = this.RULE("count", () => {
    this.SUBRULE1(this.operand);
    this.MANY(() => {
      this.CONSUME(T.Power);
      this.SUBRULE2(this.operand);
    });
  });

  param = this.RULE("param", () => {
    this.CONSUME(T.Param);
    this.CONSUME(T.Identifier);
    this.CONSUME(T.Colon);
    this.SUBRULE(this.type);
    this.CONSUME(T.Equals);
    this.SUBRULE(this.expr);
  });

  forward = this.RULE("forward", () => {
    this.CONSUME(T.Forward);
    this.SUBRULE(this.signature);
    this.SUBRULE(this.block);
  });

  train = this.RULE("train", () => {
    this.CONSUME(T.Train);
    this.CONSUME(T.Identifier);
    this.OPTION(() => this.SUBRULE(this.args));
    this.CONSUME(T.LBrace);
    this.MANY(() => this.SUBRULE(this.field));
    this.CONSUME(T.RBrace);
  });

  /** The batch belongs first; the tree builder says so where it stands elsewhere. */
  field = this.RULE("field", () => {
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(T.Batch);
            this.SUBRULE(this.typed);
          },
        },
        { ALT: () => this.SUBRULE(this.let) },
        {
          ALT: () => {
            this.CONSUME(T.Metric);
            this.CONSUME(T.Identifier);
            this.CONSUME1(T.Equals);
            this.SUBRULE1(this.expr);
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.FieldName);
            this.CONSUME2(T.Equals);
            this.SUBRULE2(this.expr);
          },
        },
      ],
      ERR_MSG: E.A_FIELD,
    });
  });

  /** Apart from the block, so that the parser finds the block after a fault in it. */
  signature = this.RULE("signature", () => {
    this.SUBRULE(this.typed);
    this.CONSUME(T.Arrow);
    this.SUBRULE(this.type);
  });

  typed = this.RULE("typed", () => {
    this.CONSUME(T.LParen);
    this.OPTION1(() => {
      this.SUBRULE1(this.typedName);
      this.MANY(() => {
        this.CONSUME1(T.Comma);
        this.SUBRULE2(this.typedName);
      });
      this.OPTION2(() => this.CONSUME2(T.Comma));
    });
    this.CONSUME(T.RParen);
  });

  typedName = this.RULE("typedName", () => {
    this.CONSUME(T.Identifier);
    this.CONSUME(T.Colon);
    this.SUBRULE(this.type);
  });

  /** Statements in any order; the tree builder wants one `return`, at the end. */
  block = this.RULE("block", () => {
    this.CONSUME(T.LBrace);
    this.MANY(() => this.SUBRULE(this.statement));
    this.CONSUME(T.RBrace);
  });

  statement = this.RULE("statement", () => {
    this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.let) },
        {
          ALT: () => {
            this.CONSUME(T.Return);
            this.SUBRULE(this.expr);
          },
        },
      ],
      ERR_MSG: E.A_STATEMENT,
    });
  });

  let = this.RULE("let", () => {
    this.CONSUME(T.Let);
    this.SUBRULE(this.pattern);
    this.CONSUME(T.Equals);
    this.SUBRULE(this.expr);
  });

  pattern = this.RULE("pattern", () => {
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(T.Identifier) },
        {
          ALT: () => {
            this.CONSUME(T.LParen);
            this.SUBRULE1(this.pattern);
            this.MANY(() => {
              this.CONSUME1(T.Comma);
              this.SUBRULE2(this.pattern);
            });
            this.OPTION(() => this.CONSUME2(T.Comma));
            this.CONSUME(T.RParen);
          },
        },
      ],
      ERR_MSG: "a name",
    });
  });

  type = this.RULE("type", () => {
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(T.Identifier);
            this.OPTION1(() => {
              this.CONSUME(T.LBracket);
              // `f32[]` is refused by the tree builder.
              this.OPTION2(() => {
                this.SUBRULE1(this.arith);
                this.MANY1(() => {
                  this.CONSUME1(T.Comma);
                  this.SUBRULE2(this.arith);
                });
                this.OPTION3(() => this.CONSUME2(T.Comma));
              });
              this.CONSUME(T.RBracket);
            });
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.LParen);
            this.SUBRULE1(this.type);
            this.MANY2(() => {
              this.CONSUME3(T.Comma);
              this.SUBRULE2(this.type);
            });
            this.OPTION4(() => this.CONSUME4(T.Comma));
            this.CONSUME(T.RParen);
          },
        },
      ],
      ERR_MSG: E.A_TYPE,
    });
  });
}

/** The one parser; a program is parsed before the next one starts. */
export const grammar = new Grammar({ skipValidations: true });
