// What `taskiq dev` and its parts print: each line begins with the name of the part it is from.
import { Writable } from "node:stream";
import { styleText } from "node:util";
import { printable } from "../../core/formats/printable.ts";
import type { Env } from "../options/resolve.ts";
import { wantsColour } from "../terminal/terminal.ts";

export type Part = "taskiq" | "worker" | "dagster";

const COLOURS = { taskiq: "green", worker: "cyan", dagster: "magenta" } as const;
const WIDTH = Math.max(...Object.keys(COLOURS).map((part) => part.length));

export class Screen {
  readonly #stream: Writable;
  readonly #coloured: boolean;

  constructor(stream: Writable, env: Env) {
    this.#stream = stream;
    this.#coloured = wantsColour(stream, env);
  }

  /** Prints a text, line by line. */
  say(part: Part, text: string): void {
    const name = part.padEnd(WIDTH);
    const head = this.#coloured ? styleText(COLOURS[part], name, { validateStream: false }) : name;
    for (const line of printable(text).split("\n")) this.#stream.write(`${head} | ${line}\n`);
  }

  /** A stream for what writes whole lines. */
  streamOf(part: Part): Writable {
    return new Writable({
      decodeStrings: false,
      write: (chunk: string | Buffer, _encoding, done) => {
        this.say(part, String(chunk).replace(/\n$/, ""));
        done();
      },
    });
  }
}

/**
 * Dagster prints its own events, a dozen for each step, beside what user code logs. They are in its
 * UI.
 */
export function isDagsterDebug(line: string): boolean {
  return / - dagster - DEBUG - /.test(line);
}
