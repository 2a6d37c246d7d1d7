// The help texts. Every option's ends with where else its value can come from: `(env: TASKIQ_X, default: 60s)`.
import type { Command } from "./command.ts";
import type { Option } from "./options/option.ts";

const WIDTH = 80;
const INDENT = "      ";

interface Listed {
  readonly name: string;
  readonly summary: string;
}

export function programHelp(commands: readonly Listed[]): string {
  const longest = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(longest)}  ${summary}`);
  return [
    "Usage: taskiq <command> [options]",
    "",
    "Runs the steps of Dagster jobs that come through an Amazon SQS queue.",
    "",
    "Commands:",
    ...lines,
    "",
    "  taskiq <command> --help   the command's options, variables and examples",
    "  taskiq --version          the version",
    "",
  ].join("\n");
}

export function commandHelp({ name, options, examples }: Command, summary: string): string {
  return [
    `Usage: taskiq ${name} [options]`,
    "",
    ...wrap(`${summary}. Every option can also be set by its environment variable (env); the command line wins.`, ""),
    ...groupsOf(Object.values(options)).flatMap(([group, members]) => [
      "",
      ...wrap(`${group}:`, ""),
      ...members.flatMap(optionHelp),
    ]),
    "",
    "Other:",
    "  --print-config",
    `${INDENT}Show every option's value and where it comes from, and do nothing else.`,
    "  -h, --help",
    `${INDENT}Show this.`,
    "",
    "Examples:",
    ...examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}

function groupsOf(options: readonly Option<unknown>[]): readonly (readonly [string, readonly Option<unknown>[]])[] {
  return [...Map.groupBy(options, (option) => option.group)];
}

function optionHelp(option: Option<unknown>): readonly string[] {
  const names = option.short === null ? option.flag : `${option.short}, ${option.flag}`;
  const head = option.placeholder === null ? names : `${names} ${option.placeholder}`;
  return [`  ${head}`, ...wrap(`${option.help} ${sources(option)}`.trimEnd(), INDENT)];
}

function sources({ env, fallback, absent, required }: Option<unknown>): string {
  const parts = env.length === 0 ? [] : [`env: ${env.join(", ")}`];
  const shown = fallback === null || typeof fallback === "string" ? fallback : fallback.shown;
  if ((shown ?? absent) !== null) parts.push(`default: ${shown ?? absent}`);
  if (required) parts.push("required");
  return parts.length === 0 ? "" : `(${parts.join(", ")})`;
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
