// The comments of source files, for test/prose.test.ts.
import { pythonTokens, startsLine } from "./python-source.ts";

export interface Comment {
  /** `file:line` of its beginning. */
  readonly at: string;
  /** Its lines without marks. Shown code keeps its indentation. */
  readonly lines: readonly string[];
}

const BLOCK = /^[ \t]*\/\*\*[\s\S]*?\*\//gm;
const MARKS = /^[ \t]*(?:\/\*\*|\*\/|\*) ?|\s*\*\/$/g;
const SLASHES = /^[ \t]*\/\/.*(?:\n[ \t]*\/\/.*)*/gm;
const SLASH_MARK = /^[ \t]*\/\/ ?/;
const BEHIND_CODE = /[\w;,{})\]'"`] +\/\/ (.*)$/gm;
/** Tools read these, people do not. */
const DIRECTIVE = /^(?:biome-ignore|ruff: noqa|noqa|type: ignore|@ts-|!)/;

export function commentsOf(file: string, source: string): readonly Comment[] {
  const found = file.endsWith(".py") ? pythonComments(source) : typescriptComments(source);
  return found.map(({ index, lines }) => ({
    at: `${file}:${source.slice(0, index).split("\n").length}`,
    lines: lines.filter((line) => !DIRECTIVE.test(line)),
  }));
}

interface Found {
  readonly index: number;
  readonly lines: readonly string[];
}

function typescriptComments(source: string): readonly Found[] {
  const found = (pattern: RegExp, linesOf: (text: string) => readonly string[]) =>
    [...source.matchAll(pattern)].map(({ 0: whole, 1: text = whole, index }) => ({ index, lines: linesOf(text) }));
  return [
    ...found(BLOCK, (text) => text.split("\n").map((line) => line.replace(MARKS, ""))),
    ...found(SLASHES, (text) => text.split("\n").map((line) => line.replace(SLASH_MARK, ""))),
    ...found(BEHIND_CODE, (text) => [text]),
  ];
}

/** Comments that fill lines one below the other are one comment. */
function pythonComments(source: string): readonly Found[] {
  const found: { index: number; lines: string[]; endsAt: number }[] = [];
  for (const { kind, index, source: token } of pythonTokens(source)) {
    const last = found.at(-1);
    if (kind === "docstring") found.push({ index, lines: docstringLines(source, index, token), endsAt: -1 });
    if (kind !== "comment") continue;
    const line = token.replace(/^# ?/, "");
    const isAlone = startsLine(source, index);
    const goesOn = isAlone && last !== undefined && /^\n[ \t]*$/.test(source.slice(last.endsAt, index));
    const endsAt = isAlone ? index + token.length : -1;
    if (goesOn && last.endsAt >= 0) Object.assign(last, { lines: [...last.lines, line], endsAt });
    else found.push({ index, lines: [line], endsAt });
  }
  return found;
}

function docstringLines(source: string, index: number, token: string): string[] {
  const depth = index - source.lastIndexOf("\n", index) - 1;
  const [first = "", ...rest] = token.replace(/"""$/, "").split("\n");
  return [first.replace(/^r?"""/, ""), ...rest.map((line) => line.slice(depth))];
}

/**
 * Returns the sentences of each paragraph group: the list items of a comment, and the rest of it.
 * Leaves out tables and shown code, and shortens code spans.
 */
export function passagesOf({ lines }: Comment): readonly (readonly string[])[] {
  const prose = lines.filter((line) => !/^(?: {2,}\S|\||@|\.\. )/.test(line));
  return prose
    .join("\n")
    .split(/\n(?=- )/)
    .map((text) =>
      text
        .replace(/`[^`]*`|https?:\S+/g, "`…`")
        .replace(/\s+/g, " ")
        .trim(),
    )
    .filter((text) => text !== "")
    .map((text) => text.split(/(?<=[.!?]) (?=[A-Z`"])/));
}
