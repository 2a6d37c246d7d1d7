// Text that arrives in pieces, cut into lines. Pure.

/** Feed it decoded chunks; it answers the lines that are complete and keeps the rest. */
export class LineSplitter {
  readonly #longest: number;
  #rest = "";

  /** Lines longer than `longest` characters are cut there, so that a writer that never ends a line cannot fill the memory. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  push(chunk: string): readonly string[] {
    const pieces = (this.#rest + chunk).split("\n").map((line) => cut(line, this.#longest));
    const last = pieces.pop() ?? [];
    this.#rest = last.pop() ?? "";
    return [...pieces.flat(), ...last];
  }

  /** What came after the last line end. */
  flush(): readonly string[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}

/** At least one piece, none but the last shorter than `longest`. */
function cut(line: string, longest: number): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (; line.length - from > longest; from += longest) pieces.push(line.slice(from, from + longest));
  return [...pieces, line.slice(from)];
}
