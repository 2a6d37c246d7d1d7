// What is known of the stream that people may read on: its width, and whether to colour.
import type { Writable } from "node:stream";
import { styleText } from "node:util";
import type { Act } from "../../core/dead-letters/verdict.ts";
import type { Colours } from "../operator/letter-texts.ts";
import type { Env } from "../options/resolve.ts";

type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const LEAST_WIDTH = 40;

/** Infinite where nobody looks at columns. */
export function widthOf(stream: Terminal, env: Env): number {
  if (stream.isTTY !== true) return Number.POSITIVE_INFINITY;
  const told = stream.columns ?? Number(env["COLUMNS"] ?? 80);
  return Math.max(LEAST_WIDTH, Number.isFinite(told) ? told : 80);
}

const styles = {
  replay: "green",
  reexecute: "yellow",
  purge: "gray",
  mend: "magenta",
  wait: "cyan",
  ask: "red",
} as const satisfies Record<Act, string>;

/** Not for a file, nor for whoever said NO_COLOR (https://no-color.org), nor on a terminal that cannot. */
export function wantsColour(stream: Terminal, env: Env): boolean {
  return stream.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}

export function coloursOf(stream: Terminal, env: Env): Colours {
  const wanted = wantsColour(stream, env);
  // Not validated against the stream: that would look at the process's own, and we have looked already.
  return (act, text) => (wanted ? styleText(styles[act], text, { validateStream: false }) : text);
}
