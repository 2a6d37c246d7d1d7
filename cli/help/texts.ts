// The help texts. Every option's ends with where else its value can come from: `(env: TASKIQ_X,
// default: 60s)`.
import type { Command } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import type { Option } from "../options/option.ts";
import { describing, usageOf } from "./described.ts";

const WIDTH = 80;
const INDENT = "      ";

interface Listed {
  readonly name: string;
  readonly summary: string;
}

export function programHelp(commands: readonly Listed[]): string {
  const all = [
    ...commands,
    ...describing.map(({ name, word, summary }) => ({ name: `${name} ${word}`.trim(), summary })),
  ];
  const longest = Math.max(...all.map(({ name }) => name.length));
  const lines = all.flatMap(({ name, summary }) => hanging(`  ${name.padEnd(longest)}  `, summary));
  return [
    "Usage: taskiq <command> [options]",
    "",
    "Runs the steps of Dagster jobs that come through an Amazon SQS queue.",
    "",
    "Commands:",
    ...lines,
    "",
    "  taskiq <command> --help         the options that you meet first",
    "  taskiq <command> --help --all   every option",
    "  taskiq --version [--json]       the version; as JSON, commit and date too",
    "",
  ].join("\n");
}

/**
 * With `all`, every option; else those that the command calls its first, or every one when it names
 * none.
 */
export function commandHelp(command: Command, summary: string, all: boolean): string {
  const { name, options, operands, examples, first } = command;
  const every = Object.values(options);
  const shown = all || first.length === 0 ? every : every.filter(({ flag }) => first.includes(flag));
  const more = every.length - shown.length;
  return [
    `Usage: taskiq ${name} [options]${operands.map(operandText).join("")}`,
    "",
    ...wrap(`${summary}. Every option can also be set by its environment variable (env); the command line wins.`, ""),
    ...groupsOf(shown).flatMap(([group, members]) => ["", ...wrap(`${group}:`, ""), ...members.flatMap(optionHelp)]),
    "",
    "Other:",
    "  --print-config",
    `${INDENT}Show every option's value and where it comes from, and do nothing else.`,
    "  -h, --help",
    `${INDENT}Show this.`,
    ...(more > 0 ? ["  --help --all", ...wrap(`Show every option, ${more} more than here.`, INDENT)] : []),
    "",
    "Examples:",
    ...examples.flatMap(exampleLines),
    "",
    "Exit codes:",
    ...aboutExit(command).flatMap(([code, meaning]) => hanging(`  ${code}  `, meaning)),
    "",
  ].join("\n");
}

function operandText({ placeholder, required }: Option<unknown>): string {
  return required ? ` ${placeholder}` : ` [${placeholder}]`;
}

/** Each exit code that the command may end with, and what it means. */
export function aboutExit({ no, usageExit }: Command): readonly (readonly [code: ExitCode, meaning: string])[] {
  // A container health check knows only 0 and 1.
  if (usageExit === exitCodes.no)
    return [
      [exitCodes.done, "Yes."],
      [exitCodes.no, no],
    ];
  return [
    [exitCodes.done, "Done."],
    [exitCodes.no, no],
    [exitCodes.usage, "Wrong usage or configuration: trying again will not help."],
    [exitCodes.unreachable, "A dependency cannot be reached: trying again may help."],
  ];
}

function groupsOf(options: readonly Option<unknown>[]): readonly (readonly [string, readonly Option<unknown>[]])[] {
  return [...Map.groupBy(options, (option) => option.group)];
}

function optionHelp(option: Option<unknown>): readonly string[] {
  return [`  ${usageOf(option)}`, ...wrap(`${option.help} ${sources(option)}`.trimEnd(), INDENT)];
}

/** `(env: TASKIQ_X, default: 60s)`. */
export function sources({ env, fallback, absent, required }: Option<unknown>): string {
  const parts = env.length === 0 ? [] : [`env: ${env.join(", ")}`];
  const shown = fallback === null || typeof fallback === "string" ? fallback : fallback.shown;
  if ((shown ?? absent) !== null) parts.push(`default: ${shown ?? absent}`);
  if (required) parts.push("required");
  return parts.length === 0 ? "" : `(${parts.join(", ")})`;
}

/**
 * A command that is too long for a line goes on after a backslash, before an option or the program,
 * so that it can be pasted.
 */
function exampleLines(example: string): readonly string[] {
  const lines: string[] = [];
  let line = " ";
  for (const part of example.split(/ (?=-|taskiq )/)) {
    if (line.length + part.length + " \\".length >= WIDTH) {
      lines.push(`${line} \\`);
      line = "   ";
    }
    line += ` ${part}`;
  }
  return [...lines, line];
}

function hanging(head: string, text: string): readonly string[] {
  return wrap(text, " ".repeat(head.length)).map((line, index) => (index === 0 ? head + line.trimStart() : line));
}

function wrap(text: string, indent: string): readonly string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line.trim() !== "" && line.length + word.length + 1 > WIDTH) {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...lines, line];
}
