// One option of a command: its flag, its environment variables, its default, and how its text
// becomes a value.
import * as v from "valibot";
import type { Setting } from "./resolve.ts";
import { type Kind, truth } from "./values.ts";

/** What a default may depend on. Functions, so that nothing is looked up that is not needed. */
export interface Machine {
  hostname(): string;
  pid(): number;
  /**
   * Of the user. `null` where the runtime does not know it (Windows; Deno without
   * `--allow-sys=uid`).
   */
  uid(): number | null;
  /** A directory for files that a restart of the machine may remove. */
  tmpdir(): string;
  isDirectory(path: string): boolean;
}

/** A default: the same for everyone, or computed, and then `shown` in the help. */
export type Fallback = string | { readonly shown: string; text(machine: Machine): string };

export type Read<V> = { readonly value: V } | { readonly refused: string };

export interface Option<V> {
  /** `--queue-url`. */
  readonly flag: string;
  /** `-m`. */
  readonly short: string | null;
  /** The first one that is set and not empty counts. */
  readonly env: readonly string[];
  /** Heading of the help under which it stands. */
  readonly group: string;
  readonly help: string;
  /** Null for a switch, which takes no value. */
  readonly placeholder: string | null;
  readonly fallback: Fallback | null;
  /** What happens without the option, when there is no default to show. */
  readonly absent: string | null;
  readonly required: boolean;
  readonly repeats: boolean;
  /** Never shown, not even in an error. */
  readonly secret: boolean;
  /**
   * Other programs share its variables: a value that is not acceptable there is ignored with a
   * warning.
   */
  readonly shared: boolean;
  /**
   * Whether its variables are read, given what the other options say. Does not concern the command
   * line.
   */
  isRead(settings: readonly Setting[]): boolean;
  /** Several values in one environment variable. */
  splitEnv(text: string): readonly string[];
  /** Completes "must be …". */
  expects(text: string): string;
  /**
   * `texts` is empty when the option was given nowhere and has no default; `refused` is the text
   * that is not acceptable.
   */
  read(texts: readonly string[]): Read<V>;
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>;
/** The type that an option's text becomes. */
export type ValueOf<O> = O extends Option<infer V> ? V : never;
export type Values<T extends OptionTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

interface Spec<T> {
  readonly flag: string;
  readonly short?: string;
  readonly env: readonly string[];
  readonly group: string;
  readonly help: string;
  readonly kind: Kind<T>;
  readonly secret?: true;
  readonly shared?: true;
  readonly isRead?: Option<T>["isRead"];
}

/** An option that always has a value. */
export function setting<T>(spec: Spec<T> & { readonly fallback: Fallback }): Option<T> {
  return { ...base(spec), fallback: spec.fallback, read: (texts) => readLast(spec.kind, texts) };
}

/** An option that must be given. */
export function required<T>(spec: Spec<T>): Option<T> {
  return { ...base(spec), required: true, read: (texts) => readLast(spec.kind, texts) };
}

/** An option whose value is null unless it was given. */
export function optional<T>(spec: Spec<T> & { readonly absent?: string }): Option<T | null> {
  return {
    ...base(spec),
    absent: spec.absent ?? null,
    read: (texts) => (texts.length === 0 ? { value: null } : readLast(spec.kind, texts)),
  };
}

/** An option that may be given several times. */
export function repeated<T>(spec: Spec<T> & { readonly separator: string | RegExp }): Option<readonly T[]> {
  return {
    ...base(spec),
    repeats: true,
    splitEnv: (given) => given.split(spec.separator).filter((part) => part !== ""),
    read: (texts) => readAll(spec.kind, texts),
  };
}

/** `--x` and `--no-x`; off unless it was given. */
export function onOff(spec: Omit<Spec<boolean>, "kind">): Option<boolean> {
  const withKind = { ...spec, kind: truth };
  return {
    ...base(withKind),
    placeholder: null,
    read: (texts) => (texts.length === 0 ? { value: false } : readLast(truth, texts)),
  };
}

function base<T>({ kind, flag, short, env, group, help, secret, shared, isRead }: Spec<T>): Omit<Option<T>, "read"> {
  return {
    flag,
    short: short ?? null,
    env,
    group,
    help,
    placeholder: kind.placeholder,
    fallback: null,
    absent: null,
    required: false,
    repeats: false,
    secret: secret ?? false,
    shared: shared ?? false,
    isRead: isRead ?? (() => true),
    splitEnv: (given) => [given],
    expects: (given) => (typeof kind.expects === "string" ? kind.expects : kind.expects(given)),
  };
}

// The last one counts, as in other programs: a script that wraps a command line adds its own
// options at the end.
function readLast<T>(kind: Kind<T>, texts: readonly string[]): Read<T> {
  return readOne(kind, texts.at(-1) ?? "");
}

function readAll<T>(kind: Kind<T>, texts: readonly string[]): Read<readonly T[]> {
  const values: T[] = [];
  for (const one of texts) {
    const read = readOne(kind, one);
    if ("refused" in read) return read;
    values.push(read.value);
  }
  return { value: values };
}

function readOne<T>(kind: Kind<T>, given: string): Read<T> {
  const parsed = v.safeParse(kind.schema, given);
  return parsed.success ? { value: parsed.output } : { refused: given };
}
