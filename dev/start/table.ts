// Tables for a terminal of 80 columns.

export interface Column<Row> {
  /** One or two lines. */
  readonly heading: readonly [string] | readonly [string, string];
  readonly cell: (row: Row) => string;
  /** Figures stand right. */
  readonly right?: boolean;
  /** Gives way, in the middle, when the table is too wide. */
  readonly shrinks?: boolean;
}

const gap = "  ";
const narrowest = 8;

/** Lines of the table, the heading first; `paint` colours a finished line of a row. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  paint: (line: string, row: Row) => string = (line) => line,
  maxWidth = 80,
): string[] {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const widths = shrunk(columns, natural(columns, cells), maxWidth);
  const draw = (texts: readonly string[]) =>
    columns
      .map((column, index) => align(texts[index] ?? "", widths[index] ?? 0, column.right === true))
      .join(gap)
      .trimEnd();
  const headings = [0, 1].map((line) => columns.map(({ heading }) => heading[line] ?? ""));
  const shown = headings.filter((texts) => texts.some((text) => text !== "")).map(draw);
  const rule = widths.map((width) => "─".repeat(width)).join(gap);
  return [...shown, rule, ...rows.map((row, index) => paint(draw(cells[index] ?? []), row))];
}

function natural<Row>(columns: readonly Column<Row>[], cells: readonly string[][]): number[] {
  return columns.map(({ heading }, index) =>
    Math.max(...heading.map((text) => text.length), ...cells.map((row) => row[index]?.length ?? 0)),
  );
}

function shrunk<Row>(columns: readonly Column<Row>[], widths: readonly number[], maxWidth: number): number[] {
  const total = widths.reduce((sum, width) => sum + width, 0) + gap.length * (columns.length - 1);
  const excess = Math.max(0, total - maxWidth);
  return widths.map((width, index) =>
    columns[index]?.shrinks ? Math.min(width, Math.max(narrowest, width - excess)) : width,
  );
}

function align(text: string, width: number, right: boolean): string {
  const short = shorten(text, width);
  return right ? short.padStart(width) : short.padEnd(width);
}

/** Cuts the middle out: the ends of a step's name distinguish it from others. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const kept = width - 1;
  return `${text.slice(0, Math.floor(kept / 2))}…${text.slice(text.length - Math.ceil(kept / 2))}`;
}
