// What is known of the stream that people may read on: its width, and whether to colour.
import type { Writable } from "node:stream";
import type { Env } from "../options/resolve.ts";

export type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const LEAST_WIDTH = 40;

/** Infinite where nobody looks at columns. */
export function widthOf(stream: Terminal, env: Env): number {
  if (stream.isTTY !== true) return Number.POSITIVE_INFINITY;
  const told = stream.columns ?? Number(env["COLUMNS"] ?? 80);
  return Math.max(LEAST_WIDTH, Number.isFinite(told) ? told : 80);
}

/** Not for a file, nor for whoever said NO_COLOR (https://no-color.org), nor on a terminal that cannot. */
export function wantsColour(stream: Terminal, env: Env): boolean {
  return stream.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}
