// From arguments to exit code: finds the command, settles its configuration, runs it, and prints
// what was wrong.
import { cac } from "cac";
import { describeError, Fault } from "../core/faults.ts";
import { printableJson } from "../core/formats/printable.ts";
import type { Command, Io, Listed } from "./command.ts";
import { type ExitCode, exitCodes, faultExitCodes } from "./exit-codes.ts";
import { describing } from "./help/described.ts";
import { commandHelp, programHelp } from "./help/texts.ts";
import { movedTo } from "./moved-flags.ts";
import { SWITCHES } from "./options/argv.ts";
import { dagsterOptions } from "./options/dagster-options.ts";
import { configText } from "./options/print-config.ts";
import { redact } from "./options/redact.ts";
import { type Setting, settingOf } from "./options/resolve.ts";
import { didYouMean, nearest } from "./options/suggest.ts";
import { unknownVariables, variablesOf } from "./options/unknown-variables.ts";
import { sayOn } from "./terminal/say.ts";
import { build, version } from "./version.ts";

/** `argv` begins after the program's name. Never rejects. */
export async function runProgram(argv: readonly string[], io: Io, commands: readonly Listed[]): Promise<ExitCode> {
  const [word, ...rest] = argv;
  switch (word) {
    case undefined:
      io.stderr.write(programHelp(commands));
      return exitCodes.usage;
    case "--help":
    case "-h":
      io.stdout.write(programHelp(commands));
      return exitCodes.done;
    case "--version":
    case "-v":
    case "-V":
      return printVersion(rest, io);
    case "help":
      return rest[0] === undefined
        ? runProgram(["--help"], io, commands)
        : runProgram([...rest, "--help"], io, commands);
    case "completion":
    case "man":
      return guard(word, io, () => printDescription(word, rest, io, commands));
  }
  if (word.startsWith("-")) return refuseBare(word, io);
  const listed = listedAs(word, commands);
  return listed === null
    ? refuseUnknown(word, io, commands)
    : guard(word, io, () => runCommand(listed, rest, io, commands));
}

/**
 * cac knows the commands and finds the one that was named. It does not see the options. It would
 * turn 007 into 7 and 1e5 into 100000, take the word after `--print-config` for its value, and drop
 * `-m a` when there is a `--module-name b`.
 */
function listedAs(word: string, commands: readonly Listed[]): Listed | null {
  const program = cac("taskiq");
  for (const { name, summary } of commands) program.command(name, summary);
  program.parse(["", "taskiq", word], { run: false });
  return commands.find(({ name }) => name === program.matchedCommandName) ?? null;
}

function printVersion([option]: readonly string[], io: Io): ExitCode {
  if (option !== undefined && option !== "--json") return refuseOption(option, ["--json"], io);
  io.stdout.write(option === undefined ? `taskiq ${version}\n` : `${JSON.stringify(build)}\n`);
  return exitCodes.done;
}

/** Loaded only here: a health check does not read what the shells need. */
async function printDescription(
  what: "completion" | "man",
  [shell]: readonly string[],
  io: Io,
  commands: readonly Listed[],
): Promise<ExitCode> {
  const [{ describe }, { completion, isShell, shells }, { manual }] = await Promise.all([
    import("./help/described.ts"),
    import("./help/completion.ts"),
    import("./help/man.ts"),
  ]);
  const described = await describe(commands);
  if (what === "man") io.stdout.write(manual(described, version));
  else if (isShell(shell)) io.stdout.write(completion(shell, described));
  else {
    const got = shell === undefined ? "nothing" : JSON.stringify(redact(shell));
    sayOn(io.stderr, "taskiq completion")(`expected one of ${shells.join(", ")}, got ${got}`);
    return exitCodes.usage;
  }
  return exitCodes.done;
}

function refuseBare(word: string, io: Io): ExitCode {
  return refuseOption(word, [...SWITCHES, "--version"], io);
}

function refuseOption(word: string, known: readonly string[], io: Io): ExitCode {
  const name = word.split("=", 1)[0] ?? word;
  const hint = nearest(name, known) === null ? ": options follow a command" : didYouMean(name, known);
  sayOn(io.stderr, "taskiq")(`unknown option ${name}${hint}`);
  io.stderr.write("Try: taskiq --help\n");
  return exitCodes.usage;
}

function refuseUnknown(word: string, io: Io, commands: readonly Listed[]): ExitCode {
  const names = [...commands, ...describing].map(({ name }) => name);
  sayOn(io.stderr, "taskiq")(`unknown command ${printableJson(redact(word))}${didYouMean(word, names)}`);
  io.stderr.write(`Commands: ${names.join(", ")}\n`);
  return exitCodes.usage;
}

async function runCommand(
  listed: Listed,
  argv: readonly string[],
  io: Io,
  commands: readonly Listed[],
): Promise<ExitCode> {
  const moved = await movedTo(listed, argv, io, commands);
  const command = await listed.load();
  if (moved !== null) {
    if (moved.problems.length > 0) return refuse(command, moved.problems, io);
    sayOn(io.stderr, `taskiq ${listed.name}`)(moved.notice);
    return runCommand(moved.to, moved.argv, io, commands);
  }
  const prepared = command.prepare(argv, io.env, io.machine);
  if (prepared.switched.has("--help")) {
    io.stdout.write(commandHelp(command, listed.summary, prepared.switched.has("--all")));
    return exitCodes.done;
  }
  if (prepared.switched.has("--print-config")) io.stdout.write(configText(prepared.settings));
  const warnings = [...prepared.warnings, ...(await warnOfVariables(command, io, commands))];
  if (prepared.problems.length > 0) return refuse(command, [...prepared.problems, ...warnings], io);
  if (!prepared.switched.has("--print-config")) {
    const left = leavePidOne(prepared.settings, io);
    return prepared.run(io, left === null ? warnings : [...warnings, left]);
  }
  for (const warning of warnings) sayOn(io.stderr, `taskiq ${command.name}`)(warning);
  return exitCodes.done;
}

/**
 * Called before the command runs: one that has a Python starts processes, and PID 1 must reap them.
 */
function leavePidOne(settings: readonly Setting[], { runUnderInit }: Io): string | null {
  const python = settingOf(dagsterOptions.python, settings)?.value;
  return python == null || runUnderInit === undefined ? null : runUnderInit(python);
}

/** Prints the warnings too: a mistyped variable may be why an option is missing. */
function refuse({ name, usageExit }: Command, problems: readonly string[], io: Io): ExitCode {
  sayOn(io.stderr, `taskiq ${name}`)(["cannot start", ...problems].join("\n"));
  io.stderr.write(`Try: taskiq ${name} --help\n`);
  return usageExit;
}

/** The other commands are loaded only when there is a variable that this one does not know. */
async function warnOfVariables(command: Command, { env }: Io, commands: readonly Listed[]): Promise<readonly string[]> {
  if (!command.warnsOfVariables || unknownVariables(env, variablesOf(command.options)).length === 0) return [];
  const loaded = await Promise.all(commands.map((listed) => listed.load()));
  return unknownVariables(
    env,
    loaded.flatMap(({ options }) => variablesOf(options)),
  );
}

/**
 * Prints a fault, which is the environment's, without a stack trace. Any other error is a bug of
 * taskiq.
 */
async function guard(name: string, io: Io, run: () => Promise<ExitCode>): Promise<ExitCode> {
  const say = sayOn(io.stderr, `taskiq ${name}`);
  try {
    return await run();
  } catch (error) {
    const fault = error instanceof Fault ? error : missingPermission(error);
    if (fault === null) {
      say(`bug in taskiq, please report it: ${error instanceof Error ? error.stack : String(error)}`);
      return exitCodes.no;
    }
    const hint = fault.hint === undefined ? "" : `\n${fault.hint}`;
    say(`${redact(describeError(fault))} (${fault.code})${hint}`);
    return faultExitCodes[fault.code];
  }
}

/** What Deno, and Deno alone, throws wherever a permission was not given; its message names it. */
function missingPermission(error: unknown): Fault | null {
  if (!(error instanceof Error && error.name === "NotCapable")) return null;
  const hint = "The page on deployment lists what taskiq needs under Deno, and what for.";
  return new Fault("TQ_CONFIG", "a permission is missing", { cause: error, hint });
}
