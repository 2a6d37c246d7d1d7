// A colour for each verdict, on terminals that have colours.
import { styleText } from "node:util";
import type { Act } from "../../core/dead-letters/verdict.ts";
import type { Env } from "../options/resolve.ts";
import { type Terminal, wantsColour } from "../terminal/terminal.ts";

export type Colours = (act: Act, text: string) => string;

const STYLES = {
  replay: "green",
  reexecute: "yellow",
  purge: "gray",
  mend: "magenta",
  wait: "cyan",
  ask: "red",
} as const satisfies Record<Act, string>;

export function coloursOf(stream: Terminal, env: Env): Colours {
  const wanted = wantsColour(stream, env);
  // Not validated against the stream: that would look at the process's own, and we have looked
  // already.
  return (act, text) => (wanted ? styleText(STYLES[act], text, { validateStream: false }) : text);
}
