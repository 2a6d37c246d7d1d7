// What a subcommand is, and how its arguments become its configuration.
import type { Writable } from "node:stream";
import type { ExitCode } from "./exit-codes.ts";
import { type Arguments, readArguments } from "./options/argv.ts";
import type { Machine, OptionTable, Values } from "./options/option.ts";
import { type Env, resolve, type Setting, type Settings, valuesOf } from "./options/resolve.ts";
import type { SignalSource } from "./signals.ts";

/** Everything a command may touch outside itself. */
export interface Io {
  /** Data only. */
  readonly stdout: Writable;
  /** Everything else. */
  readonly stderr: Writable;
  readonly env: Env;
  readonly signals: SignalSource;
  readonly machine: Machine;
  /** Passes what libraries print past the log to `hear`. Absent where nothing is to be taken from them. */
  readonly hearStray?: (hear: (text: string) => void) => void;
  /** See `cli/init.ts`: as PID 1 it does not return, but for a warning. Absent where that is nobody's business. */
  readonly runUnderInit?: (python: string) => string | null;
  /** See `cli/forget-variables.ts`. Absent where `env` is not the process's own. */
  readonly forgetVariables?: (names: readonly string[]) => boolean;
}

/** What the rules between options found. */
export interface Findings {
  readonly problems: readonly string[];
  /** Worth a line in the log, but no reason not to start. */
  readonly warnings: readonly string[];
}

export interface Setup<T extends OptionTable, C> {
  readonly options: T;
  /** Rules between options. Some values may have been refused already: look at what was given. */
  rules(settings: Settings<T>, machine: Machine): Findings;
  /** Called only when nothing was refused. */
  config(values: Values<T>, settings: Settings<T>): C;
}

interface CommandSpec<T extends OptionTable, C> {
  readonly name: string;
  readonly setup: Setup<T, C>;
  readonly examples: readonly string[];
  /** Flags of the options that the short help shows; absent: all. */
  readonly first?: readonly string[];
  /** What exit code 1 means. */
  readonly no: string;
  /** Exit code for wrong usage. */
  readonly usageExit: ExitCode;
  /** Whether variables that look like ours but are not are worth a warning. */
  readonly warnsOfVariables: boolean;
  run(config: C, io: Io, warnings: readonly string[]): Promise<ExitCode>;
}

/** A command whose configuration is its own business. */
export interface Command {
  readonly name: string;
  readonly options: OptionTable;
  readonly examples: readonly string[];
  /** Flags of the options that the short help shows; empty: all. */
  readonly first: readonly string[];
  /** What exit code 1 means, as a sentence. */
  readonly no: string;
  readonly usageExit: ExitCode;
  readonly warnsOfVariables: boolean;
  prepare(argv: readonly string[], env: Env, machine: Machine): Prepared;
}

export interface Prepared extends Findings {
  readonly switched: Arguments["switched"];
  readonly settings: readonly Setting[];
  /** Call it only when there are no problems. */
  run(io: Io, warnings: readonly string[]): Promise<ExitCode>;
}

export function defineCommand<T extends OptionTable, C>(spec: CommandSpec<T, C>): Command {
  const { name, setup, examples, no, usageExit, warnsOfVariables } = spec;
  return {
    name,
    options: setup.options,
    examples,
    first: spec.first ?? [],
    no,
    usageExit,
    warnsOfVariables,
    prepare: (argv, env, machine) => {
      const configured = configure(setup, argv, env, machine);
      const run = (io: Io, warnings: readonly string[]) => spec.run(configured.config(), io, warnings);
      return { ...configured, settings: Object.values<Setting>(configured.settings), run };
    },
  };
}

export interface Configured<T extends OptionTable, C> extends Findings {
  readonly switched: Arguments["switched"];
  readonly settings: Settings<T>;
  /** Call it only when there are no problems. */
  config(): C;
}

export function configure<T extends OptionTable, C>(
  setup: Setup<T, C>,
  argv: readonly string[],
  env: Env,
  machine: Machine,
): Configured<T, C> {
  const read = readArguments(argv, setup.options);
  const { settings, problems, warnings } = resolve(setup.options, read.given, env, machine);
  const found = setup.rules(settings, machine);
  return {
    switched: read.switched,
    settings,
    problems: [...read.problems, ...problems, ...found.problems],
    warnings: [...warnings, ...found.warnings],
    config: () => setup.config(valuesOf(settings), settings),
  };
}
