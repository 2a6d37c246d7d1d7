// What a command is, and what it may touch outside itself.
import type { Writable } from "node:stream";
import type { ExitCode } from "./exit-codes.ts";
import type { Arguments } from "./options/argv.ts";
import type { Machine, Option, OptionTable } from "./options/option.ts";
import type { Env, Setting } from "./options/resolve.ts";
import { configure, type Findings, type Setup } from "./options/setup.ts";
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
  /**
   * Passes what libraries print past the log to `hear`. Absent where their output is left alone.
   */
  readonly hearStray?: (hear: (text: string) => void) => void;
  /**
   * See `cli/init.ts`: as PID 1 it returns only for a warning. Absent where the process is not the
   * command's own.
   */
  readonly runUnderInit?: (python: string) => string | null;
  /** See `cli/forget-variables.ts`. Absent where `env` is not the process's own. */
  readonly forgetVariables?: (names: readonly string[]) => boolean;
}

interface CommandSpec<T extends OptionTable, C> {
  readonly name: string;
  readonly setup: Setup<T, C>;
  readonly examples: readonly string[];
  /** Flags of the options that the short help shows. Absent means all. */
  readonly first?: readonly string[];
  /** What exit code 1 means. */
  readonly no: string;
  /** Exit code for wrong usage. */
  readonly usageExit: ExitCode;
  /** Whether variables that look like ours but are not are worth a warning. */
  readonly warnsOfVariables: boolean;
  run(config: C, io: Io, warnings: readonly string[]): Promise<ExitCode>;
}

/** A command as the program sees it, whatever its configuration is. */
export interface Command {
  readonly name: string;
  readonly options: OptionTable;
  /** Options whose values may stand without their flags, in this order. */
  readonly operands: readonly Option<unknown>[];
  readonly examples: readonly string[];
  /** Flags of the options that the short help shows. Empty means all. */
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
    operands: (setup.operands ?? []).map((key) => setup.options[key] as Option<unknown>),
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

/** A command as the list of commands names it. */
export interface Listed {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}
