/**
 * The grammar, as a concrete syntax tree. It takes a little more than the language allows where that gives a better
 * answer than "unexpected token": the tree builder refuses the rest in words of its own.
<<<<<<< HEAD
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

=======
 *
 * Binary operators come as flat lists; their precedence is the tree builder's. So the parser recurses through brackets
 * and `if` alone, and the token stream bounds both.
 */

import { CstParser, EOF, type IParserErrorMessageProvider, type IToken, type TokenType } from "chevrotain";
import * as T from "./tokens.ts";

/** Thrown to leave the parser when a program is mostly faults. */
export class TooManyErrors extends Error {}

const MAX_ERRORS = 200;

/** What the parser wanted, in words; `parse` makes the sentence. */
const expectations: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, ruleName }) =>
    (EXPECTED[ruleName]?.[expected.name]) ?? expected.LABEL!,
  buildNotAllInputParsedMessage: () => A_DECLARATION,
  buildNoViableAltMessage: ({ customUserDescription }) => customUserDescription!,
  buildEarlyExitMessage: ({ customUserDescription }) => customUserDescription!,
};

export const A_DECLARATION = "a declaration";
export const AN_ITEM = "an item of the model or `}`";
export const A_STATEMENT = "`let` or `return`";
export const A_FIELD = "a field or `}`";
export const AN_EXPRESSION = "an expression";
export const A_TYPE = "a type";
const A_PRECISION = "a precision";

/** Where a rule knows better than its token type what it wanted. */
const EXPECTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  file: { EOF: A_DECLARATION },
  importDecl: { RBrace: "`,` or `}`" },
  rules: { RBrace: "`,` or `}`" },
  rule: { Identifier: A_PRECISION },
  model: { RBrace: AN_ITEM },
  train: { RBrace: A_FIELD },
  block: { RBrace: A_STATEMENT },
  formals: { RParen: "`,` or `)`" },
  typed: { RParen: "`,` or `)`" },
  args: { RParen: "`,` or `)`" },
  pattern: { RParen: "`,` or `)`" },
  type: { RParen: "`,` or `)`", RBracket: "`,` or `]`" },
  atom: { RParen: "`,` or `)`", RBracket: "`,` or `]`" },
  indices: { RBracket: "`,` or `]`" },
  inClause: { Identifier: A_PRECISION },
  cast: { Identifier: "a dtype" },
  layer: { LParen: "`(` and the layer's arguments" },
};

/** Tokens whose loss would cost more than it gains. */
const KEPT = new Set<TokenType>([
  T.Let,
  T.Return,
  T.FieldName,
  T.LParen,
  T.RParen,
  T.LBracket,
  T.RBracket,
  T.LBrace,
  T.RBrace,
  ...T.DECLARATION_WORDS.values(),
  ...T.ITEM_WORDS.values(),
  ...T.TRAIN_WORDS.values(),
]);
const INSERTED = new Set<TokenType>([T.Equals, T.Colon, T.Arrow, T.Then]);

export class Grammar extends CstParser {
  #errors = 0;

  constructor(options: { skipValidations: boolean }) {
    super([...T.TOKENS], {
      recoveryEnabled: true,
      maxLookahead: 2,
      nodeLocationTracking: "onlyOffset",
      errorMessageProvider: {
        ...expectations,
        buildMismatchTokenMessage: (o) => this.#counted(expectations.buildMismatchTokenMessage(o)),
        buildNoViableAltMessage: (o) => this.#counted(expectations.buildNoViableAltMessage(o)),
        buildEarlyExitMessage: (o) => this.#counted(expectations.buildEarlyExitMessage(o)),
      },
      ...options,
    });
    this.performSelfAnalysis();
  }

  /** Makes the parser ready for another program. */
  start(tokens: IToken[]): void {
    this.#errors = 0;
    this.input = tokens;
  }

  #counted(message: string): string {
    if (++this.#errors > MAX_ERRORS) throw new TooManyErrors();
    return message;
  }

  protected override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    return INSERTED.has(type);
  }

  protected override canTokenTypeBeDeletedInRecovery(_: TokenType): boolean {
    return !KEPT.has(this.LA(1).tokenType);
  }

>>>>>>> check
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
<<<<<<< HEAD
      ERR_MSG: E.A_DECLARATION,
=======
      ERR_MSG: A_DECLARATION,
>>>>>>> check
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
    this.SUBRULE(this.typed);
    this.CONSUME(T.Arrow);
    this.SUBRULE(this.type);
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
<<<<<<< HEAD
      ERR_MSG: E.AN_ITEM,
=======
      ERR_MSG: AN_ITEM,
>>>>>>> check
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
    this.SUBRULE(this.typed);
    this.CONSUME(T.Arrow);
    this.SUBRULE(this.type);
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
<<<<<<< HEAD
      ERR_MSG: E.A_FIELD,
=======
      ERR_MSG: A_FIELD,
>>>>>>> check
    });
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
<<<<<<< HEAD
      ERR_MSG: E.A_STATEMENT,
=======
      ERR_MSG: A_STATEMENT,
>>>>>>> check
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
<<<<<<< HEAD
      ERR_MSG: E.A_TYPE,
=======
      ERR_MSG: A_TYPE,
    });
  });

  // Expressions

  expr = this.RULE("expr", () => {
    this.MANY1(() => this.SUBRULE(this.choice));
    this.SUBRULE(this.compare);
    this.MANY2(() => this.SUBRULE(this.tail));
  });

  /** All of a conditional but the expression after its last `else`. */
  choice = this.RULE("choice", () => {
    this.CONSUME(T.If);
    this.SUBRULE1(this.expr);
    this.CONSUME(T.Then);
    this.SUBRULE2(this.expr);
    this.CONSUME(T.Else);
  });

  compare = this.RULE("compare", () => {
    this.SUBRULE1(this.arith);
    this.OPTION(() => {
      this.CONSUME(T.CompareOp);
      this.SUBRULE2(this.arith);
    });
  });

  /** Pipeline stages and `in`, and what may not follow them without parentheses. */
  tail = this.RULE("tail", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.stage) },
      { ALT: () => this.SUBRULE(this.inClause) },
      { ALT: () => this.SUBRULE(this.misplaced) },
    ]);
  });

  stage = this.RULE("stage", () => {
    this.CONSUME(T.PipeOp);
    this.SUBRULE(this.callee);
    this.OPTION(() => this.SUBRULE(this.args));
  });

  callee = this.RULE("callee", () => {
    this.CONSUME(T.Identifier);
    this.MANY(() => this.SUBRULE(this.selector));
  });

  selector = this.RULE("selector", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(T.Dot);
          this.CONSUME(T.Identifier);
        },
      },
      {
        ALT: () => {
          this.CONSUME(T.LBracket);
          this.SUBRULE(this.expr);
          this.CONSUME(T.RBracket);
        },
      },
    ]);
  });

  inClause = this.RULE("inClause", () => {
    this.CONSUME(T.In);
    this.CONSUME(T.Identifier);
  });

  misplaced = this.RULE("misplaced", () => {
    this.OR([
      {
        ALT: () => {
          this.OR2([
            { ALT: () => this.CONSUME(T.ArithOp) },
            { ALT: () => this.CONSUME(T.CompareOp) },
            { ALT: () => this.CONSUME(T.LogicOp) },
          ]);
          this.SUBRULE(this.arith);
        },
      },
      { ALT: () => this.SUBRULE(this.cast) },
      { ALT: () => this.SUBRULE(this.postfix) },
    ]);
  });

  arith = this.RULE("arith", () => {
    this.SUBRULE1(this.operand);
    this.MANY(() => {
      this.CONSUME(T.ArithOp);
      this.SUBRULE2(this.operand);
    });
  });

  operand = this.RULE("operand", () => {
    this.MANY1(() => this.OR([{ ALT: () => this.CONSUME(T.Minus) }, { ALT: () => this.CONSUME(T.Bang) }]));
    this.SUBRULE(this.atom);
    this.MANY2(() => this.SUBRULE(this.postfix));
    this.MANY3(() => this.SUBRULE(this.cast));
  });

  cast = this.RULE("cast", () => {
    this.CONSUME(T.As);
    this.CONSUME(T.Identifier);
  });

  postfix = this.RULE("postfix", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.args) },
      { ALT: () => this.SUBRULE(this.indices) },
      {
        ALT: () => {
          this.CONSUME(T.Dot);
          this.CONSUME(T.Identifier);
        },
      },
    ]);
  });

  args = this.RULE("args", () => {
    this.CONSUME(T.LParen);
    this.OPTION1(() => {
      this.SUBRULE1(this.arg);
      this.MANY(() => {
        this.CONSUME1(T.Comma);
        this.SUBRULE2(this.arg);
      });
      this.OPTION2(() => this.CONSUME2(T.Comma));
    });
    this.CONSUME(T.RParen);
  });

  arg = this.RULE("arg", () => {
    this.OPTION(() => {
      this.CONSUME(T.Identifier);
      this.CONSUME(T.Colon);
    });
    this.SUBRULE(this.expr);
  });

  indices = this.RULE("indices", () => {
    this.CONSUME(T.LBracket);
    this.SUBRULE1(this.index);
    this.MANY(() => {
      this.CONSUME1(T.Comma);
      this.SUBRULE2(this.index);
    });
    this.OPTION(() => this.CONSUME2(T.Comma));
    this.CONSUME(T.RBracket);
  });

  index = this.RULE("index", () => {
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.SUBRULE1(this.expr, { LABEL: "at" });
            this.OPTION1(() => this.SUBRULE1(this.slice));
          },
        },
        { ALT: () => this.SUBRULE2(this.slice) },
      ],
      ERR_MSG: "an index or a slice",
    });
  });

  slice = this.RULE("slice", () => {
    this.CONSUME1(T.Colon);
    this.OPTION1(() => this.SUBRULE1(this.expr, { LABEL: "stop" }));
    this.OPTION2(() => {
      this.CONSUME2(T.Colon);
      this.SUBRULE2(this.expr, { LABEL: "step" });
    });
  });

  atom = this.RULE("atom", () => {
    this.OR({
      DEF: [
        { ALT: () => this.CONSUME(T.Integer) },
        { ALT: () => this.CONSUME(T.Float) },
        { ALT: () => this.CONSUME(T.StringLiteral) },
        { ALT: () => this.CONSUME(T.True) },
        { ALT: () => this.CONSUME(T.False) },
        { ALT: () => this.CONSUME(T.Identifier) },
        {
          ALT: () => {
            this.CONSUME(T.LParen);
            this.SUBRULE1(this.expr);
            this.MANY1(() => {
              this.CONSUME1(T.Comma);
              this.SUBRULE2(this.expr);
            });
            this.OPTION1(() => this.CONSUME2(T.Comma));
            this.CONSUME(T.RParen);
          },
        },
        {
          ALT: () => {
            this.CONSUME(T.LBracket);
            this.OPTION2(() => {
              this.SUBRULE3(this.expr);
              this.MANY2(() => {
                this.CONSUME3(T.Comma);
                this.SUBRULE4(this.expr);
              });
              this.OPTION3(() => this.CONSUME4(T.Comma));
            });
            this.CONSUME(T.RBracket);
          },
        },
      ],
      ERR_MSG: AN_EXPRESSION,
>>>>>>> check
    });
  });
}

/** The one parser; a program is parsed before the next one starts. */
export const grammar = new Grammar({ skipValidations: true });
