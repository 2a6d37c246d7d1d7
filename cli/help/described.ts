// The commands as the help, the man page and the completions describe them. Pure but for loading
// the commands.
import type { Command, Listed } from "../command.ts";
import type { Option } from "../options/option.ts";

export interface Described {
  readonly summary: string;
  readonly command: Command;
}

/**
 * Commands that describe the others: `taskiq help run`. They take a word in the place of options.
 */
export const describing = [
  { name: "help", summary: "Show the help of a command", word: "[command]" },
  { name: "completion", summary: "Print a completion script for a shell", word: "<shell>" },
  { name: "man", summary: "Print the manual page: taskiq man | man -l -", word: "" },
] as const;

export async function describe(commands: readonly Listed[]): Promise<readonly Described[]> {
  return Promise.all(commands.map(async ({ summary, load }) => ({ summary, command: await load() })));
}

/**
 * What can be typed on a command line. A secret is only a variable, and has the variable's name for
 * a flag.
 */
export function typed({ options }: Command): readonly Option<unknown>[] {
  return Object.values(options).filter(({ flag }) => flag.startsWith("--"));
}

/** `-m, --module-name <name>`. */
export function usageOf({ short, flag, placeholder }: Option<unknown>): string {
  const names = short === null ? flag : `${short}, ${flag}`;
  return placeholder === null ? names : `${names} ${placeholder}`;
}

/** Words that the value may be; none when it may be anything. */
export function wordsOf({ placeholder }: Option<unknown>): readonly string[] {
  const words = placeholder?.slice(1, -1).split("|") ?? [];
  return words.length < 2 ? [] : words.filter((word) => !PLACEHOLDERS.includes(word));
}

/** Placeholders that stand beside a word, as in `<duration|off>`. */
const PLACEHOLDERS = ["duration", "size", "n", "time"];

export function takesFile({ placeholder }: Option<unknown>): boolean {
  return placeholder === "<path>" || placeholder === "<file>";
}

/** The first sentence of the help, without its full stop. */
export function gist({ help }: Option<unknown>): string {
  const [sentence = ""] = help.split(/\.(?:\s|$)/, 1);
  return sentence;
}
