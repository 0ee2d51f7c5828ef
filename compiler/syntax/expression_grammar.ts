/** The grammar of expressions, and how the parser recovers. */

import { CstParser, type IToken, type TokenType } from "chevrotain";
import * as E from "./expectations.ts";
import { endOf, makeToken } from "./report.ts";
import * as T from "./tokens.ts";

/** Thrown to leave the parser when a program is mostly faults. */
export class TooManyErrors extends Error {}

const MAX_ERRORS = 200;

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
/** Tokens that are put in where they are missing; a name so put in is empty. */
const INSERTED = new Set<TokenType>([T.Identifier, T.Equals, T.Colon, T.Arrow, T.Then]);

/**
 * Binary operators come as flat lists; their precedence is the tree builder's. So the parser recurses through brackets
 * and `if` alone, and the token stream bounds both.
 */
export abstract class ExpressionGrammar extends CstParser {
  #errors = 0;

  constructor(options: { skipValidations: boolean }) {
    super([...T.TOKENS], {
      recoveryEnabled: true,
      maxLookahead: 2,
      nodeLocationTracking: "onlyOffset",
      errorMessageProvider: {
        ...E.expectations,
        buildMismatchTokenMessage: (o) => this.#counted(E.expectations.buildMismatchTokenMessage(o)),
        buildNoViableAltMessage: (o) => this.#counted(E.expectations.buildNoViableAltMessage(o)),
        buildEarlyExitMessage: (o) => this.#counted(E.expectations.buildEarlyExitMessage(o)),
      },
      ...options,
    });
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

  protected override canTokenTypeBeDeletedInRecovery(wanted: TokenType): boolean {
    return wanted !== T.Identifier && !KEPT.has(this.LA(1).tokenType);
  }

  protected override getTokenToInsert(type: TokenType): IToken {
    const previous = this.LA(0);
    return { ...makeToken(type, "", endOf(previous)), isInsertedInRecovery: true, payload: previous.payload };
  }

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
      ERR_MSG: E.AN_EXPRESSION,
    });
  });
}
