import type { Span } from "../core/span.ts";
import type { Reporter } from "./report.ts";
import { label } from "./report.ts";

/** Reports a name of the language that this version does not have yet, once, without what would follow from it. */
export function later(report: Reporter, name: string, span: Span, help?: string): void {
  report.error("MPT0390", {
    message: `${name} arrives with a later version`,
    labels: [label(span, "not in this version")],
    help,
  });
}
