// The commands of a shell block, as far as pages use the shell: comments, quotes, continued lines,
// variables before a command, pipes, output to a file.

export interface ShellCommand {
  readonly variables: Readonly<Record<string, string>>;
  readonly words: readonly string[];
}

/** Throws for what it does not know, so that no unread line passes for a checked one. */
export function shellCommands(block: string): readonly ShellCommand[] {
  return block
    .replaceAll(/\\\n\s*/g, " ")
    .split("\n")
    .flatMap((line) => segments(line.trim()))
    .map(readCommand)
    .filter(({ words }) => words.length > 0);
}

const WORD = /\s*(#.*$|\||>|(?:"[^"]*"|'[^']*'|[^\s"'|><;&`])+)/y;

function segments(line: string): readonly (readonly string[])[] {
  const all: string[][] = [[]];
  WORD.lastIndex = 0;
  while (WORD.lastIndex < line.length) {
    const at = WORD.lastIndex;
    const word = WORD.exec(line)?.[1];
    if (word === undefined) throw new Error(`cannot read the shell line from ${JSON.stringify(line.slice(at))}`);
    if (word.startsWith("#")) break;
    if (word === "|") all.push([]);
    else all.at(-1)?.push(word);
  }
  return all;
}

function readCommand(tokens: readonly string[]): ShellCommand {
  const output = tokens.indexOf(">");
  const kept = output < 0 ? tokens : [...tokens.slice(0, output), ...tokens.slice(output + 2)];
  const first = kept.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const given = first < 0 ? kept : kept.slice(0, first);
  const variables = given.map((word) => [word.slice(0, word.indexOf("=")), unquote(word.slice(word.indexOf("=") + 1))]);
  return { variables: Object.fromEntries(variables), words: first < 0 ? [] : kept.slice(first).map(unquote) };
}

function unquote(word: string): string {
  return word.replaceAll(/"([^"]*)"|'([^']*)'/g, "$1$2");
}
