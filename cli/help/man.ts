// The manual page, taskiq(1), in roff, written from the tables of options. Pure.
import { type Described, describing, usageOf } from "./described.ts";
import { aboutExit, sources } from "./texts.ts";

export function manual(commands: readonly Described[], version: string): string {
  return [
    `.TH TASKIQ 1 "" "taskiq ${version}" "taskiq"`,
    ".SH NAME",
    "taskiq \\- runs the steps of Dagster jobs that come through an Amazon SQS queue",
    ".SH SYNOPSIS",
    ".B taskiq",
    "\\fIcommand\\fR [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    "Every option can also be set by its environment variable (env). The command line wins.",
    ".SH COMMANDS",
    ...commands.flatMap(({ command: { name }, summary }) => [".TP", `.B ${escaped(name)}`, escaped(`${summary}.`)]),
    ...describing.flatMap(({ name, summary, word }) => [".TP", `.B ${name}`, escaped(`${word} ${summary}.`.trim())]),
    ...commands.flatMap(section),
    "",
  ].join("\n");
}

function section({ command, summary }: Described): readonly string[] {
  const groups = [...Map.groupBy(Object.values(command.options), ({ group }) => group)];
  return [
    `.SH TASKIQ ${escaped(command.name.toUpperCase())}`,
    escaped(`${summary}.`),
    ...groups.flatMap(([group, options]) => [
      `.SS ${escaped(group)}`,
      ...options.flatMap((option) => [
        ".TP",
        `.B ${escaped(usageOf(option))}`,
        escaped(`${option.help} ${sources(option)}`.trimEnd()),
      ]),
    ]),
    ".SS Exit codes",
    ...aboutExit(command).flatMap(([code, meaning]) => [".TP", `.B ${code}`, escaped(meaning)]),
    ".SS Examples",
    ...command.examples.flatMap((example) => [".PP", ".nf", escaped(example), ".fi"]),
  ];
}

/**
 * A backslash begins an escape, a hyphen may become a dash, and a full stop or an apostrophe begins
 * a request at the start of a line.
 */
function escaped(text: string): string {
  const plain = text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return /^[.']/.test(plain) ? `\\&${plain}` : plain;
}
