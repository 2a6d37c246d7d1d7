// How a command's arguments and variables become its configuration: its table of options, the rules
// between them, and plain data.
import { type Arguments, readArguments } from "./argv.ts";
import type { Machine, OptionTable, Values } from "./option.ts";
import { type Env, resolve, type Settings, valuesOf } from "./resolve.ts";

/** What the rules between options found. */
export interface Findings {
  readonly problems: readonly string[];
  /** Worth a line in the log, but no reason not to start. */
  readonly warnings: readonly string[];
}

export interface Setup<T extends OptionTable, C> {
  readonly options: T;
  /** Options whose values may stand without their flags, in this order. Absent means none. */
  readonly operands?: readonly (keyof T & string)[];
  /** Rules between options. Some values may have been refused already: look at what was given. */
  rules(settings: Settings<T>, machine: Machine): Findings;
  /** Called only when nothing was refused. */
  config(values: Values<T>, settings: Settings<T>): C;
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
  const read = readArguments(argv, setup.options, setup.operands);
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
