// Groups errors that are alike: the same fault of another run, host or moment has the same fingerprint.
import { createHash } from "node:crypto";
import type { ErrorInfo } from "../step.ts";

/** A message may carry a whole payload; what tells errors apart stands at its start. */
const messageChars = 2000;
/** Python prints the innermost frames last; three name the place without naming the whole way there. */
const frames = 3;

/** What varies between occurrences of one fault, most specific first: a path would otherwise lose its digits before it is seen. */
const folds: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, "<uuid>"],
  [/(?<!\w)(?:'[^'\n]*'|"[^"\n]*"|`[^`\n]*`)(?!\w)/g, "<text>"],
  [/(?<![\w<])(?:[a-z]:\\|~?\/)[^\s'"`,;:()[\]]+/gi, "<path>"],
  [/\b0x[0-9a-f]+\b/gi, "<hex>"],
  [/\b(?=[a-f]*\d)[0-9a-f]{8,}\b/gi, "<hex>"],
  [/\d+(?:\.\d+)*/g, "<n>"],
  [/\s+/g, " "],
];

/** Twelve hex digits over the class, the folded message and the functions that the innermost frames were in. */
export function errorFingerprint(error: ErrorInfo): string {
  const parts = [error.class, foldMessage(error.message), ...innermostFunctions(error.traceback)];
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 12);
}

/** The message with what varies folded away, as a title for its group. */
export function foldMessage(message: string): string {
  return folds.reduce((text, [pattern, name]) => text.replace(pattern, name), message.slice(0, messageChars)).trim();
}

function innermostFunctions(traceback: string): readonly string[] {
  const named = traceback.matchAll(/^ *File "[^"\n]*", line \d+, in (.+)$/gm);
  return [...named].slice(-frames).map(([, name]) => name ?? "");
}
