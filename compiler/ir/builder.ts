import type { Attrs, Node, NodeBuilder, Op, Origin, Region } from "./op.ts";
import { deriveType } from "./op.ts";

/** Makes nodes, deriving their types. `at` and `within` set where following nodes come from. */
export class Builder implements NodeBuilder {
  constructor(readonly origin: Origin = { why: "" }, readonly region?: Region) {}

  /** Throws OpError where the op's type rule refuses the inputs. */
  node(op: Op, inputs: readonly Node[], attrs: Attrs = {}): Node {
    const type = deriveType(op, inputs.map((n) => n.type), attrs, this.region);
    const node = { op, inputs, attrs, type, origin: this.origin };
    return this.region && op.kind !== "leaf" ? { ...node, region: this.region } : node;
  }

  /** A builder whose nodes have this origin. */
  at(origin: Origin): Builder {
    return new Builder(origin, this.region);
  }

  /** A builder whose nodes stand in this region. */
  within(region: Region | undefined): Builder {
    return new Builder(this.origin, region);
  }
}
