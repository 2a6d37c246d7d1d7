// Where each option's value comes from: flag, else environment, else default. Every unacceptable
// one is reported, not only the first.
import type { Arguments } from "./argv.ts";
import type { Machine, Option, OptionTable, ValueOf, Values } from "./option.ts";
import { quoteRedacted } from "./redact.ts";
import { isServiceLink } from "./service-links.ts";

export type Env = Readonly<Record<string, string | undefined>>;

export type Origin =
  | { readonly from: "flag"; readonly name: string }
  | { readonly from: "env"; readonly name: string }
  | { readonly from: "default" }
  | { readonly from: "nowhere" };

/** An option with what was given for it. */
export interface Setting<V = unknown> {
  readonly option: Option<V>;
  readonly origin: Origin;
  readonly texts: readonly string[];
  /** Undefined when the text was refused. */
  readonly value: V | undefined;
  /** Why it was refused. */
  readonly problem: string | null;
}

export type Settings<T extends OptionTable> = { readonly [K in keyof T]: Setting<ValueOf<T[K]>> };

export interface Resolution<T extends OptionTable> {
  readonly settings: Settings<T>;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

export function resolve<T extends OptionTable>(
  table: T,
  given: Arguments["given"],
  env: Env,
  machine: Machine,
): Resolution<T> {
  const warnings: string[] = [];
  const found = Object.entries(table).map(([key, option]) => {
    const usable = (name: string) => isUsable(option, name, env, warnings);
    return [key, settle(option, locate(option, given.get(key), env, usable, machine))] as const;
  });
  const all = found.map(([, setting]) => setting);
  const read = found.map(([key, setting]) => [key, isRead(setting, all) ? setting : unset(setting, machine)] as const);
  const problems = read.flatMap(([, { problem }]) => problem ?? []);
  return { settings: keyed<Settings<T>>(read), problems, warnings };
}

function isRead(setting: Setting, settings: readonly Setting[]): boolean {
  return setting.origin.from !== "env" || setting.option.isRead(settings);
}

/** The same option as if its variables were not set. */
function unset({ option }: Setting, machine: Machine): Setting {
  return settle(
    option,
    locate(option, undefined, {}, () => false, machine),
  );
}

/** Only for settings of which none was refused. */
export function valuesOf<T extends OptionTable>(settings: Settings<T>): Values<T> {
  return keyed(Object.entries<Setting>(settings).map(([key, setting]) => [key, setting.value] as const));
}

/** The values of these options alone. */
export function pick<V, K extends keyof V & string>(values: V, keys: readonly K[]): Pick<V, K> {
  return keyed(keys.map((key) => [key, values[key]] as const));
}

/**
 * Makes an object of entries. The compiler cannot see that each entry keeps the type that its key
 * has in `R`; the callers take both from one table.
 */
function keyed<R>(entries: readonly (readonly [string, unknown])[]): R {
  return Object.fromEntries(entries) as R;
}

/** Returns what was given for `option`, or `undefined` when it is not among `settings`. */
export function settingOf<V>(option: Option<V>, settings: readonly Setting[]): Setting<V> | undefined {
  return settings.find((setting): setting is Setting<V> => setting.option.flag === option.flag);
}

/** True when the command line or the environment gives it, even with a text that is refused. */
export function isGiven(setting: Setting): boolean {
  return setting.origin.from === "flag" || setting.origin.from === "env";
}

/** Completes an error message: `(from TASKIQ_X)`. */
export function originText(origin: Origin): string {
  switch (origin.from) {
    case "flag":
      return "from the command line";
    case "env":
      return `from ${origin.name}`;
    case "default":
      return "default";
    case "nowhere":
      return "not set";
  }
}

interface Located {
  readonly origin: Origin;
  readonly texts: readonly string[];
}

function locate(
  option: Option<unknown>,
  flags: readonly string[] | undefined,
  env: Env,
  usable: (name: string) => boolean,
  machine: Machine,
): Located {
  if (flags !== undefined) return { origin: { from: "flag", name: option.flag }, texts: flags };
  // Empty is as good as unset: task definitions and compose files cannot leave a variable out
  // conditionally.
  const name = option.env.find((candidate) => (env[candidate] ?? "") !== "" && usable(candidate));
  if (name !== undefined) return { origin: { from: "env", name }, texts: option.splitEnv(env[name] ?? "") };
  const { fallback } = option;
  if (fallback === null) return { origin: { from: "nowhere" }, texts: [] };
  return { origin: { from: "default" }, texts: [typeof fallback === "string" ? fallback : fallback.text(machine)] };
}

/**
 * False, with a warning, for a value that is not this option's: another program's, or one that
 * Kubernetes made up.
 */
function isUsable(option: Option<unknown>, name: string, env: Env, warnings: string[]): boolean {
  const text = env[name] ?? "";
  const isLink = isServiceLink(text);
  if (!isLink && !option.shared) return true;
  const read = option.read(option.splitEnv(text));
  if ("value" in read) return true;
  const why = isLink
    ? `${quoteRedacted(text)} is what Kubernetes sets for a Service of that name. Set ${option.flag}, or rename the Service`
    : `expected ${option.expects(read.refused)}, got ${quoteRedacted(read.refused)}`;
  warnings.push(`${name} is ignored: ${why}`);
  return false;
}

function settle<V>(option: Option<V>, { origin, texts }: Located): Setting<V> {
  if (texts.length === 0 && option.required) {
    const env = option.env.length === 0 ? "" : ` (env: ${option.env.join(", ")})`;
    const problem = `${option.flag} is required${env}: ${asClause(option.help)}`;
    return { option, origin, texts, value: undefined, problem };
  }
  const read = option.read(texts);
  if ("value" in read) return { option, origin, texts, value: read.value, problem: null };
  return { option, origin, texts, value: undefined, problem: refusal(option, read.refused, origin) };
}

/**
 * `--concurrency must be a whole number from 1 to 256, got "abc" (from TASKIQ_WORKER_CONCURRENCY)`.
 */
export function refusal(
  option: Option<unknown>,
  given: string,
  origin: Origin,
  expects = option.expects(given),
): string {
  const shown = option.secret ? "something else" : quoteRedacted(given);
  return `${option.flag} must be ${expects}, got ${shown} (${originText(origin)})`;
}

function asClause(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, "");
}
