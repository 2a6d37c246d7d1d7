// A program of the demo: its output goes to a log, of which the end is shown when it ends by
// itself.
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { Program, type ProgramOptions } from "../../cli/dev/program.ts";
import { DemoFailed } from "./demo-failed.ts";

export interface LoggedOptions extends Omit<ProgramOptions, "onLine"> {
  /** For people: "the worker". */
  readonly name: string;
  readonly log: string;
  /** Sees each line. Returns true for a line that the log does without. */
  readonly hear: (line: string, from: "stdout" | "stderr") => boolean;
}

const tailLines = 15;

export class LoggedProgram extends Program {
  readonly #name: string;
  readonly #log: string;

  constructor({ name, log, hear, ...options }: LoggedOptions) {
    const file = openSync(log, "a");
    super({
      ...options,
      onLine: (line, from) => {
        if (!hear(line, from)) writeSync(file, `${line}\n`);
      },
    });
    this.#name = name;
    this.#log = log;
    void this.closed.then(() => closeSync(file));
  }

  /**
   * Rejects with the end of its log as soon as the program ends: nothing that the demo needs may
   * end by itself.
   */
  async mustGoOn(): Promise<never> {
    const how = await this.closed;
    throw new DemoFailed(`${this.#name} ended: ${how}`, { detail: this.tail() });
  }

  /** The end of its log, with where the rest is. */
  tail(): string {
    const lines = readFileSync(this.#log, "utf8").trimEnd().split("\n");
    const shown = lines.slice(-tailLines).map((line) => `  ${line}\n`);
    return `The last lines of ${this.#log}:\n${shown.join("")}`;
  }
}
