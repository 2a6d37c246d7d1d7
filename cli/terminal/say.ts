// What a command says to a person, on stderr.
import type { Writable } from "node:stream";
import { printable } from "../../core/formats/printable.ts";
import { shortened } from "../../core/formats/shortened.ts";

/** Says one thing to a person. The text may quote anything. */
export type Say = (text: string) => void;

const LONGEST_SAID = 16_000;

/**
 * `name` is the command, as in `taskiq drain`. Further lines of a text are indented, so that none
 * passes for one of ours.
 */
export function sayOn(stream: Writable, name: string): Say {
  return (text) => {
    const lines = printable(shortened(text, LONGEST_SAID)).replaceAll("\n", "\n  ");
    stream.write(`${name}: ${lines}\n`);
  };
}
