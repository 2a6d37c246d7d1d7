// Flags that have become commands. They work for one more release, and say which command replaces
// them.
import type { Command, Io, Listed } from "./command.ts";
import { readArguments } from "./options/argv.ts";
import { type Option, type OptionTable, onOff } from "./options/option.ts";

interface MovedFlag {
  /** The command that had it. */
  readonly of: string;
  readonly flag: string;
  /** The command that it has become, and what that is given. */
  readonly to: string;
  readonly adds: readonly string[];
  /** Names of options in the new command, by those in the old one, where they differ. */
  readonly renamed: Readonly<Record<string, string>>;
  /** What the old command refused beside it. */
  readonly refuses: readonly string[];
}

const LOCAL = { adds: ["--local"], renamed: { "--worker-id": "--worker" } };
const SAME = { adds: [], renamed: {} };

/** In the order in which they count. */
const MOVED: readonly MovedFlag[] = [
  {
    of: "replay",
    flag: "--fail",
    to: "fail",
    ...SAME,
    refuses: ["--reexecute", "--purge", "--canary", "--no-dagster"],
  },
  { of: "replay", flag: "--reexecute", to: "reexecute", ...SAME, refuses: ["--canary"] },
  { of: "replay", flag: "--purge", to: "purge", ...SAME, refuses: ["--canary"] },
  { of: "drain", flag: "--quiet-only", to: "quiet", ...LOCAL, refuses: ["--resume"] },
  { of: "drain", flag: "--resume", to: "resume", ...LOCAL, refuses: ["--wait"] },
];

export interface Moved {
  readonly to: Listed;
  readonly argv: readonly string[];
  readonly notice: string;
  readonly problems: readonly string[];
}

/** Returns what to run instead, or `null` when `argv` has no such flag. */
export async function movedTo(
  { name, load }: Listed,
  argv: readonly string[],
  { env }: Pick<Io, "env">,
  commands: readonly Listed[],
): Promise<Moved | null> {
  const moved = MOVED.find(({ of, flag }) => of === name && argv.includes(flag));
  const to = commands.find((one) => one.name === moved?.to);
  if (moved === undefined || to === undefined) return null;
  const parts = MOVED.filter(({ of }) => of === name);
  const became = commands.filter((one) => parts.some((part) => part.to === one.name));
  const [old, fresh, ...others] = await Promise.all([load(), to.load(), ...became.map((one) => one.load())]);
  const { given, switched, problems } = readArguments(argv, tableOf(parts, [old, ...others]));
  const refused = moved.refuses.filter((flag) => given.has(flag));
  const words = [...given].flatMap(([flag, texts]) => texts.map((text) => [flag, text] as const));
  return {
    to,
    argv: [...moved.adds, ...translate([...words, ...fromEnv(old, given, env)], moved, fresh), ...switched],
    notice: `${moved.flag} will be removed: use ${["taskiq", moved.to, ...moved.adds].join(" ")} instead`,
    problems: [...problems, ...refused.map((flag) => `only one of these can be given: ${moved.flag}, ${flag}`)],
  };
}

/**
 * Options by their flags: all that the old command took is in it and in what its parts have become.
 */
function tableOf(parts: readonly MovedFlag[], commands: readonly Command[]): OptionTable {
  const flags = parts.map(({ flag }) => onOff({ flag, env: [], group: "", help: "" }));
  return byFlag([...flags, ...commands.flatMap(({ options }) => Object.values(options))]);
}

function byFlag(options: readonly Option<unknown>[]): OptionTable {
  return Object.fromEntries(options.map((option) => [option.flag, option]));
}

type Word = readonly [flag: string, text: string];

/**
 * Leaves out what the new command does not know, or refuses: the old one had no use for it either.
 */
function translate(words: readonly Word[], { flag: movedFlag, renamed }: MovedFlag, fresh: Command): readonly string[] {
  const known = byFlag(Object.values(fresh.options));
  const waits = words.some(([flag, text]) => flag === "--wait" && text === "true");
  const kept = words
    .filter(([flag]) => flag !== movedFlag && (flag !== "--max-time" || waits))
    .map(([flag, text]) => [renamed[flag] ?? flag, text] as const);
  return kept.filter(([flag]) => known[flag] !== undefined).map(([flag, text]) => `${flag}=${text}`);
}

/** What variables of the old command say, which the new one does not read. */
function fromEnv(old: Command, given: ReadonlyMap<string, unknown>, env: Io["env"]): readonly Word[] {
  const read = ["--worker-id", "--max-time"].map((flag) => byFlag(Object.values(old.options))[flag]);
  return read.flatMap((option) => {
    const text = option?.env.map((name) => env[name] ?? "").find((one) => one !== "");
    return option === undefined || text === undefined || given.has(option.flag) ? [] : [[option.flag, text] as const];
  });
}
