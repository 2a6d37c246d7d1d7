// Text that arrives in pieces, cut into lines. Pure.

/** Feed it decoded chunks; it answers the lines that are complete and keeps the rest. */
export class LineSplitter {
  readonly #longest: number;
  #rest = "";

  /**
   * Lines longer than `longest` characters are cut there, so that a writer that never ends a line
   * cannot fill the memory.
   */
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

const LINES_A_SECOND = 1_000;
const CHARACTERS_A_SECOND = 1024 * 1024;

/**
 * What of a flood of lines is passed on: so many each second, and a remark when that is used up.
 */
export class LineAllowance {
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #characters = 0;

  /** Returns the lines to pass on for this one. `nowMs` is monotonic. */
  admit(line: string, nowMs: number): readonly string[] {
    if (nowMs - this.#renewedAtMs >= 1_000) {
      this.#renewedAtMs = nowMs;
      this.#lines = LINES_A_SECOND;
      this.#characters = CHARACTERS_A_SECOND;
    }
    if (this.#lines < 0) return [];
    this.#lines -= 1;
    this.#characters -= line.length;
    if (this.#lines >= 0 && this.#characters >= 0) return [line];
    this.#lines = -1;
    return ["… too many lines: the rest of this second is left out"];
  }
}
