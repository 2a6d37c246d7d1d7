// A message with what varies between occurrences of one fault folded away. Pure.

/** A message may carry a whole payload; what tells errors apart stands at its start. */
const MESSAGE_CHARS = 2000;

/**
 * What varies between occurrences of one fault, most specific first: a path would otherwise lose
 * its digits before it is seen.
 */
const folds: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, "<uuid>"],
  [/(?<!\w)(?:'[^'\n]*'|"[^"\n]*"|`[^`\n]*`)(?!\w)/g, "<text>"],
  [/(?<![\w<])(?:[a-z]:\\|~?\/)[^\s'"`,;:()[\]]+/gi, "<path>"],
  [/\b0x[0-9a-f]+\b/gi, "<hex>"],
  [/\b(?=[a-f]*\d)[0-9a-f]{8,}\b/gi, "<hex>"],
  [/\d+(?:\.\d+)*/g, "<n>"],
  [/\s+/g, " "],
];

/** The message with what varies folded away, as a title for its group. */
export function foldMessage(message: string): string {
  return folds.reduce((text, [pattern, name]) => text.replace(pattern, name), message.slice(0, MESSAGE_CHARS)).trim();
}
