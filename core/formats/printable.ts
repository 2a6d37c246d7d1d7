// Text from outside, made safe for terminals and log lines. Pure.
//
// Unsafe are the characters that Unicode calls "other". Control characters steer terminals, and
// format characters may turn the direction of writing. Lone surrogates and unassigned code points
// belong to them. Unsafe are also the two separators that count as line ends. The two joiners are
// safe, because scripts and emoji need them.

const UNSAFE = /[[\p{C}\p{Zl}\p{Zp}]--[\u200c\u200d]]/gv;
const UNSAFE_IN_LINES = /[[\p{C}\p{Zl}\p{Zp}]--[\u200c\u200d\n\t]]/gv;

/**
 * Writes unsafe characters out: `\x1b`, `\u202e`. Line ends and tabs stay, and a line ends in `\n`
 * only.
 */
export function printable(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(UNSAFE_IN_LINES, writtenOut);
}

/**
 * Does the same for text that must stay in its line: white space of any kind and length becomes one
 * blank.
 */
export function printableLine(text: string): string {
  return text.replace(/\s+/gu, " ").replace(UNSAFE, writtenOut).trim();
}

/**
 * Returns `value` as JSON without an unsafe character. It reads back as `JSON.stringify` says it.
 */
export function printableJson(value: unknown): string {
  // What is left of unsafe characters after that stands within strings.
  return JSON.stringify(value).replace(UNSAFE, (character) => character.split("").map(inJson).join(""));
}

function writtenOut(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${hexadecimal(code, 2)}`;
  return code < 0x1_0000 ? `\\u${hexadecimal(code, 4)}` : `\\u{${hexadecimal(code, 1)}}`;
}

function inJson(unit: string): string {
  return `\\u${hexadecimal(unit.charCodeAt(0), 4)}`;
}

function hexadecimal(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
