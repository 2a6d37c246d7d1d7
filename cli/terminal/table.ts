// A table that fits the terminal: cells wrap, and where there is no room at all the least important
// columns are left out. Pure.
import stringWidth from "string-width";
import { printableLine } from "../../core/formats/printable.ts";
import { shortened } from "../../core/formats/shortened.ts";

export interface Column {
  readonly title: string;
  /** Below this it is of no use, nor below its longest word, up to `LONGEST_WORD`. */
  readonly least: number;
  /** Lines that a cell may take; what does not fit ends in `…`. */
  readonly lines: number;
  /** Characters that are shown of a cell, however wide the place; 300 when not given. */
  readonly most?: number;
  /** The columns with the smallest number are left out first; without one it always stays. */
  readonly worth?: number;
}

/** Colours a padded cell; the table is measured without it. */
export type Paint = (text: string, column: Column) => string;

const GAP = "  ";
const MOST_SHOWN = 300;
/**
 * Such a word can be copied whole; room for a longer one would take that of other columns, so it is
 * cut.
 */
const LONGEST_WORD = 32;
/** Of the terminals that tables are made for. */
const WIDEST_LINE = 80;
/** Stands where words are left out; a word that is itself cut has no blank before it. */
const ELLIPSIS = " …";

/** `width` is the terminal's; infinite elsewhere. Ends with a line end. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  paint: Paint = (text) => text,
): string {
  const clean = rows.map((row) =>
    row.map((text, i) => shortenedCell(printableLine(text), columns[i]?.most ?? MOST_SHOWN)),
  );
  const natural = columns.map(({ title }, i) =>
    Math.max(stringWidth(title), ...uniqueWidths(clean.map((row) => row[i] ?? ""))),
  );
  const least = columns.map((column, i) =>
    leastOf(column, natural[i] ?? 0, longestWord(clean.map((row) => row[i] ?? ""))),
  );
  const kept = fitColumns(columns, least, width);
  const widths = shareWidth(columns, natural, least, kept, width);
  const line = (cells: readonly string[], colour: Paint) =>
    kept
      .map((i, at) => colour(pad(cells[i] ?? "", widths[at] ?? 0), columns[i] as Column))
      .join(GAP)
      .trimEnd();
  const body = clean.flatMap((row) => {
    const wrapped = columns.map(({ lines }, i) => wrap(row[i] ?? "", widths[kept.indexOf(i)] ?? 1, lines));
    const height = Math.max(1, ...kept.map((i) => wrapped[i]?.length ?? 1));
    return Array.from({ length: height }, (_, n) =>
      line(
        wrapped.map((cell) => cell[n] ?? ""),
        paint,
      ),
    );
  });
  const head = line(
    columns.map(({ title }) => title),
    (text) => text,
  );
  return [head, ...body].map((text) => `${text}\n`).join("");
}

/**
 * Lines of at most `width` columns, broken and cut between words alone. A word that does not fit
 * into one ends in `…`.
 */
export function wrap(text: string, width: number, lines: number): readonly string[] {
  const found: string[] = [];
  let rest = text;
  while (rest !== "") {
    const [head, tail] = takeLine(rest, width);
    if (found.length === lines - 1 && tail !== "") return [...found, lastLine(rest, width)];
    found.push(head);
    rest = tail;
  }
  return found;
}

function takeLine(text: string, width: number): readonly [line: string, rest: string] {
  if (stringWidth(text) <= width) return [text, ""];
  const blank = endOfWords(text, takeColumns(text, width));
  if (blank > 0) return [text.slice(0, blank), text.slice(blank + 1)];
  const [word = ""] = text.split(" ", 1);
  return [`${takeColumns(text, width - 1)}…`, text.slice(word.length + 1)];
}

/**
 * The beginning of a text that needs more than this line: it ends between words, unless there is
 * but one.
 */
function lastLine(text: string, width: number): string {
  const blank = endOfWords(text, takeColumns(text, width - ELLIPSIS.length));
  return blank > 0 && width > ELLIPSIS.length
    ? `${text.slice(0, blank)}${ELLIPSIS}`
    : `${takeColumns(text, width - 1)}…`;
}

/** At most `most` characters. A word that is cut here is one that no line could hold. */
function shortenedCell(text: string, most: number): string {
  if (text.length <= most) return text;
  const blank = endOfWords(text, text.slice(0, most));
  const [word = ""] = text.slice(blank + 1).split(" ", 1);
  return blank > 0 && word.length <= WIDEST_LINE ? `${text.slice(0, blank)}${ELLIPSIS}` : shortened(text, most);
}

/**
 * Index of the blank after the last whole word of `beginning`, with which `text` begins. 0 or less:
 * it holds no whole word.
 */
function endOfWords(text: string, beginning: string): number {
  return text[beginning.length] === " " ? beginning.length : beginning.lastIndexOf(" ");
}

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The longest beginning that fits; one character at least, so that a line always gets on. */
function takeColumns(text: string, width: number): string {
  let [taken, used] = ["", 0];
  for (const { segment } of GRAPHEMES.segment(text)) {
    used += stringWidth(segment);
    if (used > width && taken !== "") break;
    taken += segment;
  }
  return taken;
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - stringWidth(text)));
}

/** Measured once each: of a thousand cells most are alike. */
function uniqueWidths(texts: readonly string[]): readonly number[] {
  return [...new Set(texts)].map((text) => stringWidth(text));
}

/** Indexes of the columns that there is room for. */
function fitColumns(columns: readonly Column[], least: readonly number[], width: number): readonly number[] {
  let kept = columns.map((_, i) => i);
  const needed = () => kept.reduce((sum, i) => sum + (least[i] ?? 0), GAP.length * (kept.length - 1));
  while (needed() > width) {
    const droppable = kept.filter((i) => columns[i]?.worth !== undefined);
    const [first] = droppable.sort((a, b) => (columns[a]?.worth ?? 0) - (columns[b]?.worth ?? 0));
    if (first === undefined) break;
    kept = kept.filter((i) => i !== first);
  }
  return kept;
}

/**
 * Each its least, and what is left to the one that lacks the most, column by column. What is
 * missing is taken from the widest.
 */
function shareWidth(
  columns: readonly Column[],
  natural: readonly number[],
  least: readonly number[],
  kept: readonly number[],
  width: number,
): readonly number[] {
  const widths = kept.map((i) => least[i] ?? 0);
  let left = width - GAP.length * (kept.length - 1) - widths.reduce((a, b) => a + b, 0);
  for (; left < 0; left += 1) {
    const spare = widths.map((one, at) => one - Math.min(one, columns[kept[at] ?? 0]?.least ?? 0));
    const most = Math.max(...spare);
    if (most <= 0) break;
    const at = spare.indexOf(most);
    widths[at] = (widths[at] ?? 0) - 1;
  }
  const lacking = () => kept.map((i, at) => (natural[i] ?? 0) - (widths[at] ?? 0));
  while (left > 0) {
    const most = Math.max(...lacking());
    if (most <= 0) break;
    const at = lacking().indexOf(most);
    widths[at] = (widths[at] ?? 0) + 1;
    left -= 1;
  }
  return widths;
}

function leastOf({ least }: Column, natural: number, word: number): number {
  return Math.min(natural, Math.max(least, Math.min(word, LONGEST_WORD)));
}

function longestWord(cells: readonly string[]): number {
  return Math.max(0, ...uniqueWidths(cells.flatMap((text) => text.split(" "))));
}
