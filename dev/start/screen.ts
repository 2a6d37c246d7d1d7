// What the demo prints. Colours only where they are welcome: on a terminal, and not with NO_COLOR.
import { styleText } from "node:util";

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One line of progress: what, in a column of its own, and more about it. */
export function report(what: string, more: string): void {
  say(`${strong("cyan", what.padEnd(10))} ${more}`);
}

export function strong(colour: "cyan" | "green" | "red" | "yellow" | "bold", text: string): string {
  return styleText(colour, text, { stream: process.stdout, validateStream: true });
}
