// Reads a command's arguments into the texts given for each option, exactly as they were typed.
// Nothing is interpreted here.
import type { Option, OptionTable } from "./option.ts";
import { redact } from "./redact.ts";
import { didYouMean } from "./suggest.ts";

/** Understood by every command. */
export const SWITCHES = ["--help", "--all", "--print-config"];
const SHORT_SWITCHES: Readonly<Record<string, string>> = { "-h": "--help" };

export interface Arguments {
  /** By key in the option table; in the order they were given. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** Those of `switches` that were given. */
  readonly switched: ReadonlySet<string>;
  readonly problems: readonly string[];
}

interface Flag {
  /** As typed, without a value that is attached to it. */
  readonly name: string;
  /** Null when nothing is attached. */
  readonly attached: string | null;
}

interface Keyed {
  readonly key: string;
  readonly option: Option<unknown>;
}

/**
 * `argv` begins after the command's name. `operands` are keys of the table: words without a flag
 * are the values of these options, in that order.
 */
export function readArguments(
  argv: readonly string[],
  table: OptionTable,
  operands: readonly string[] = [],
): Arguments {
  const reader = new ArgumentReader(argv, table, operands);
  reader.readAll();
  return reader;
}

class ArgumentReader implements Arguments {
  readonly given = new Map<string, string[]>();
  readonly switched = new Set<string>();
  readonly problems: string[] = [];
  readonly #words: string[];
  /** Those without a word so far. */
  readonly #operands: string[];
  /** Each option with its key, by its flag and by its short form. */
  readonly #options = new Map<string, Keyed>();

  constructor(argv: readonly string[], table: OptionTable, operands: readonly string[]) {
    this.#words = [...argv];
    this.#operands = [...operands];
    for (const [key, option] of Object.entries(table)) {
      this.#options.set(option.flag, { key, option });
      if (option.short !== null) this.#options.set(option.short, { key, option });
    }
  }

  readAll(): void {
    for (let word = this.#words.shift(); word !== undefined; word = this.#words.shift()) {
      const flag = flagOf(word);
      if (word === "--") this.#readOperands(this.#words.splice(0));
      else if (flag === null) this.#readOperands([word]);
      else this.#readFlag(flag);
    }
  }

  #readFlag(flag: Flag): void {
    const name = SHORT_SWITCHES[flag.name] ?? flag.name;
    const named = this.#options.get(name);
    if (SWITCHES.includes(name)) this.switched.add(name);
    else if (named !== undefined) this.#readOption(named, flag);
    else if (!this.#readNegated(flag)) this.#refuseUnknown(flag);
  }

  #readOption({ key, option }: Keyed, { name, attached }: Flag): void {
    const text = attached ?? (option.placeholder === null ? "true" : this.#nextValue());
    if (text === undefined) this.problems.push(`${name} needs a value: ${name} ${option.placeholder}`);
    else this.#add(key, text);
  }

  #readNegated({ name, attached }: Flag): boolean {
    if (!name.startsWith("--no-")) return false;
    const named = this.#options.get(`--${name.slice("--no-".length)}`);
    if (named === undefined) return false;
    const { key, option } = named;
    if (option.placeholder !== null) this.problems.push(`${name} makes no sense: ${option.flag} takes a value`);
    else if (attached !== null) this.problems.push(`${name} takes no value`);
    else this.#add(key, "false");
    return true;
  }

  #refuseUnknown({ name, attached }: Flag): void {
    const known = [...this.#options.keys(), ...SWITCHES].filter((flag) => flag.startsWith("--"));
    this.problems.push(`unknown option ${name}${didYouMean(name, known)}`);
    // What follows was most likely meant as its value: one mistake, one message.
    if (attached === null) this.#nextValue();
  }

  #readOperands(words: readonly string[]): void {
    for (const word of words) {
      const key = this.#operands.shift();
      if (key === undefined) this.problems.push(`unexpected argument ${JSON.stringify(redact(word))}`);
      else this.#add(key, word);
    }
  }

  /** Takes the next word, unless it is a flag itself. */
  #nextValue(): string | undefined {
    const next = this.#words[0];
    return next === undefined || flagOf(next) !== null || next === "--" ? undefined : this.#words.shift();
  }

  #add(key: string, value: string): void {
    const texts = this.given.get(key);
    if (texts === undefined) this.given.set(key, [value]);
    else texts.push(value);
  }
}

/** Returns `null` for a word that is not a flag: `-` and negative numbers are values. */
function flagOf(word: string): Flag | null {
  const long = /^(?<name>--[^=]+)(?:=(?<value>.*))?$/su.exec(word);
  if (long !== null) return { name: long.groups?.["name"] ?? "", attached: long.groups?.["value"] ?? null };
  const short = /^(?<name>-[^-\d.])(?:=?(?<value>.+))?$/su.exec(word);
  if (short !== null) return { name: short.groups?.["name"] ?? "", attached: short.groups?.["value"] ?? null };
  return null;
}
