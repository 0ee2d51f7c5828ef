/** Reading a concrete syntax tree, in which recovery may have left anything out. */

import type { CstNode, IToken } from "chevrotain";

export type { CstNode };

/** The tokens that a node has under a name. */
export function tokens(node: CstNode | undefined, name: string): IToken[] {
  return (node?.children[name] ?? []) as IToken[];
}

export function token(node: CstNode | undefined, name: string): IToken | undefined {
  return node?.children[name]?.[0] as IToken | undefined;
}

/** The subtrees that a node has under a name. */
export function nodes(node: CstNode | undefined, name: string): CstNode[] {
  return (node?.children[name] ?? []) as CstNode[];
}

export function node(parent: CstNode | undefined, name: string): CstNode | undefined {
  return parent?.children[name]?.[0] as CstNode | undefined;
}

/** The node that stands for an alternative: the only child of a rule that only chooses. */
export function only(parent: CstNode): CstNode | IToken | undefined {
  for (const name in parent.children) return parent.children[name][0];
  return undefined;
}

export function isNode(element: CstNode | IToken | undefined): element is CstNode {
  return element !== undefined && "children" in element;
}

/** Where a node starts and ends, or undefined where it has no token. */
export function extent(node: CstNode | undefined): { start: number; end: number } | undefined {
  const location = node?.location;
  if (!location || Number.isNaN(location.startOffset)) return undefined;
  return { start: location.startOffset, end: location.endOffset! + 1 };
}
