// The width of the stream that people may read on, and whether it has colours.
import type { Writable } from "node:stream";
import type { Env } from "../options/resolve.ts";

export type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number };

const LEAST_WIDTH = 40;

/** Infinite for a stream that is not a terminal. */
export function widthOf(stream: Terminal, env: Env): number {
  if (stream.isTTY !== true) return Number.POSITIVE_INFINITY;
  const width = stream.columns ?? Number(env["COLUMNS"] ?? 80);
  return Math.max(LEAST_WIDTH, Number.isFinite(width) ? width : 80);
}

/**
 * False for a file, with NO_COLOR set (https://no-color.org), and on a terminal without colours.
 */
export function wantsColour(stream: Terminal, env: Env): boolean {
  return stream.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
}
