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
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    while (this.#rest.length > this.#longest) {
      lines.push(this.#rest.slice(0, this.#longest));
      this.#rest = this.#rest.slice(this.#longest);
    }
    return lines;
  }

  /** What came after the last line end. */
  flush(): readonly string[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}
