// The comments of source files, for test/prose.test.ts.

export interface Comment {
  /** `file:line` of its beginning. */
  readonly at: string;
  /** Its lines without marks. Shown code keeps its indentation. */
  readonly lines: readonly string[];
}

const BLOCK = /^[ \t]*\/\*\*[\s\S]*?\*\//gm;
const DOCSTRING = /^[ \t]*r?"""[\s\S]*?"""/gm;
/** A docstring is the first statement of a file, a class or a function. */
const BEFORE_DOCSTRING = /(?:^|:(?: {2}# .*)?|^#.*)\s*$/;
const MARKS = /^[ \t]*(?:\/\*\*|\*\/|\*|r?""")? ?|\s*(?:\*\/|""")$/g;
const SLASHES = {
  run: /^[ \t]*\/\/.*(?:\n[ \t]*\/\/.*)*/gm,
  mark: /^[ \t]*\/\/ ?/,
  behind: /[\w;,{})\]'"`] +\/\/ (.*)$/gm,
};
const HASHES = { run: /^[ \t]*#.*(?:\n[ \t]*#.*)*/gm, mark: /^[ \t]*# ?/, behind: /[\w;,{})\]'"`:] {2}# (.*)$/gm };
/** Tools read these, people do not. */
const DIRECTIVE = /^(?:biome-ignore|ruff: noqa|noqa|type: ignore|@ts-|!)/;

export function commentsOf(file: string, source: string): readonly Comment[] {
  const isPython = file.endsWith(".py");
  const { run, mark, behind } = isPython ? HASHES : SLASHES;
  const blocks = [...source.matchAll(isPython ? DOCSTRING : BLOCK)].filter(
    ({ index }) => !isPython || BEFORE_DOCSTRING.test(source.slice(0, index)),
  );
  const found = [
    ...blocks.map(({ 0: text, index }) => ({ index, lines: dedented(text.split("\n")) })),
    ...[...source.matchAll(run)].map(({ 0: text, index }) => ({
      index,
      lines: text.split("\n").map((line) => line.replace(mark, "")),
    })),
    ...[...source.matchAll(behind)].map(({ 1: text = "", index }) => ({ index, lines: [text] })),
  ];
  return found.map(({ index, lines }) => ({
    at: `${file}:${source.slice(0, index).split("\n").length}`,
    lines: lines.filter((line) => !DIRECTIVE.test(line)),
  }));
}

function dedented(lines: readonly string[]): readonly string[] {
  const isStarred = lines.slice(1).every((line) => /^\s*\*/.test(line));
  if (isStarred) return lines.map((line) => line.replace(MARKS, ""));
  const depth = lines[0]?.search(/\S/) ?? 0;
  const [first = "", ...rest] = lines.map((line) => line.slice(depth).replace(/"""$/, ""));
  return [first.replace(/^r?"""/, ""), ...rest];
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
