/** The token types of the language, and the lexer that finds them. */

import { createToken, Lexer, type TokenType } from "chevrotain";

const NEVER = Lexer.NA;

/** A word. Whether it is a keyword depends on where it stands; `tokenize` decides and changes its type. */
export const Identifier = createToken({
  name: "Identifier",
  pattern: /[A-Za-z_][A-Za-z0-9_]*/,
  label: "a name",
});

function reserved(word: string): TokenType {
  const name = word[0].toUpperCase() + word.slice(1);
  return createToken({ name, pattern: new RegExp(word), longer_alt: Identifier, label: `\`${word}\`` });
}

export const Let = reserved("let");
export const Return = reserved("return");
export const If = reserved("if");
export const Then = reserved("then");
export const Else = reserved("else");
export const In = reserved("in");
export const As = reserved("as");
export const True = reserved("true");
export const False = reserved("false");

/** The words that no program may use as a name. */
export const RESERVED: readonly TokenType[] = [Let, Return, If, Then, Else, In, As, True, False];

/** A word that is a keyword only in its position. The lexer never makes one. */
function contextual(word: string): TokenType {
  return createToken({ name: word[0].toUpperCase() + word.slice(1), pattern: NEVER, label: `\`${word}\`` });
}

export const Import = contextual("import");
export const Const = contextual("const");
export const Policy = contextual("policy");
export const Fn = contextual("fn");
export const Model = contextual("model");
export const Train = contextual("train");
export const Precision = contextual("precision");
export const Layer = contextual("layer");
export const Param = contextual("param");
export const Forward = contextual("forward");
export const Batch = contextual("batch");
export const Metric = contextual("metric");

export const DECLARATION_WORDS: ReadonlyMap<string, TokenType> = new Map([
  ["import", Import],
  ["const", Const],
  ["policy", Policy],
  ["fn", Fn],
  ["model", Model],
  ["train", Train],
]);
export const ITEM_WORDS: ReadonlyMap<string, TokenType> = new Map([
  ["precision", Precision],
  ["layer", Layer],
  ["param", Param],
  ["forward", Forward],
]);
export const TRAIN_WORDS: ReadonlyMap<string, TokenType> = new Map([["batch", Batch], ["metric", Metric]]);

/** What a train block may set. */
export const FIELD_WORDS: ReadonlySet<string> = new Set([
  "loss",
  "optimizer",
  "schedule",
  "loss_scale",
  "clip",
  "accumulate",
  "precision_control",
  "quantize",
  "prune",
  "stop",
  "ema",
]);

/** The name that a field of a train block sets: a word that stands directly before the field's `=`. */
export const FieldName = createToken({ name: "FieldName", pattern: NEVER, label: "a field" });

export const Float = createToken({
  name: "Float",
  pattern: /[0-9]+(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)(?![A-Za-z0-9_])/,
  label: "a number",
});
export const Integer = createToken({ name: "Integer", pattern: /[0-9]+/, label: "a number" });
/** `.5`, `1.`, `1_000`, `0x10`, `2x`: always an error, but the parser may go on. */
export const BadNumber = createToken({
  name: "BadNumber",
  // `1.x` is no number but `1` `.` `x`.
  pattern:
    /\.[0-9]+(?:[eE][+-]?[0-9]+)?[A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?:[A-Za-z_][A-Za-z0-9_]*|\.(?![0-9A-Za-z_.]))/,
  label: "a number",
  categories: Float,
});

export const StringLiteral = createToken({
  name: "StringLiteral",
  pattern: /"(?:[^"\\\n\r]|\\[^\n\r])*"/,
  label: "a string",
});
/** A string whose closing quote is missing from its line, or one in single quotes: always an error. */
export const BadString = createToken({
  name: "BadString",
  pattern: /"(?:[^"\\\n\r]|\\[^\n\r])*\\?|'(?:[^'\\\n\r]|\\[^\n\r])*'/,
  label: "a string",
  categories: StringLiteral,
});

function symbol(name: string, text: string): TokenType {
  return createToken({ name, pattern: text, label: `\`${text}\`` });
}

export const LParen = symbol("LParen", "(");
export const RParen = symbol("RParen", ")");
export const LBracket = symbol("LBracket", "[");
export const RBracket = symbol("RBracket", "]");
export const LBrace = symbol("LBrace", "{");
export const RBrace = symbol("RBrace", "}");
export const Comma = symbol("Comma", ",");
export const Colon = symbol("Colon", ":");
export const Dot = symbol("Dot", ".");
export const Arrow = symbol("Arrow", "->");
export const PipeOp = symbol("PipeOp", "|>");
export const Equals = symbol("Equals", "=");
export const Semicolon = symbol("Semicolon", ";");

/** The categories that let one grammar alternative stand for several operators. */
export const ArithOp = createToken({ name: "ArithOp", pattern: NEVER, label: "an operator" });
export const CompareOp = createToken({ name: "CompareOp", pattern: NEVER, label: "a comparison" });
/** `&&`, `||` and `!`, which other languages have and this one does not. */
export const LogicOp = createToken({ name: "LogicOp", pattern: NEVER, label: "an operator" });

function operator(name: string, text: string, category: TokenType): TokenType {
  return createToken({ name, pattern: text, label: `\`${text}\``, categories: category });
}

export const Power = operator("Power", "**", ArithOp);
export const Star = operator("Star", "*", ArithOp);
export const Plus = operator("Plus", "+", ArithOp);
export const Minus = operator("Minus", "-", ArithOp);
export const Slash = operator("Slash", "/", ArithOp);
export const Percent = operator("Percent", "%", ArithOp);
export const At = operator("At", "@", ArithOp);
export const EqualEqual = operator("EqualEqual", "==", CompareOp);
export const BangEqual = operator("BangEqual", "!=", CompareOp);
export const LessEqual = operator("LessEqual", "<=", CompareOp);
export const Less = operator("Less", "<", CompareOp);
export const GreaterEqual = operator("GreaterEqual", ">=", CompareOp);
export const Greater = operator("Greater", ">", CompareOp);
export const AndAnd = operator("AndAnd", "&&", LogicOp);
export const OrOr = operator("OrOr", "||", LogicOp);
export const Bang = createToken({ name: "Bang", pattern: "!", label: "`!`" });

const Space = createToken({
  name: "Space",
  pattern: /[ \t\r\n\uFEFF]+/,
  group: Lexer.SKIPPED,
  line_breaks: true,
});
export const LineComment = createToken({ name: "LineComment", pattern: /\/\/[^\n\r]*/, group: "comments" });
export const BlockComment = createToken({
  name: "BlockComment",
  pattern: /\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\//,
  group: "comments",
  line_breaks: true,
});
/** `# …`, a comment in other languages: always an error. */
export const HashComment = createToken({ name: "HashComment", pattern: /#[^\n\r]*/, group: "comments" });
/** `/*` that is never closed; takes the rest of the file. */
export const OpenComment = createToken({
  name: "OpenComment",
  pattern: /\/\*[^]*/,
  group: "comments",
  line_breaks: true,
});

/** Every token type, in the order in which the lexer tries them. */
export const TOKENS: readonly TokenType[] = [
  Space,
  LineComment,
  BlockComment,
  OpenComment,
  HashComment,
  ...RESERVED,
  Identifier,
  Float,
  BadNumber,
  Integer,
  StringLiteral,
  BadString,
  Arrow,
  PipeOp,
  AndAnd,
  OrOr,
  EqualEqual,
  BangEqual,
  LessEqual,
  GreaterEqual,
  Power,
  Less,
  Greater,
  Equals,
  Bang,
  Plus,
  Minus,
  Star,
  Slash,
  Percent,
  At,
  LParen,
  RParen,
  LBracket,
  RBracket,
  LBrace,
  RBrace,
  Comma,
  Colon,
  Dot,
  Semicolon,
  FieldName,
  ArithOp,
  CompareOp,
  LogicOp,
  ...DECLARATION_WORDS.values(),
  ...ITEM_WORDS.values(),
  ...TRAIN_WORDS.values(),
];

export const lexer = new Lexer([...TOKENS], { positionTracking: "onlyOffset" });
