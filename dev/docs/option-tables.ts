// The tables of options, as README.md and docs/configuration.md show them. Pure.
import type { Option, OptionTable } from "../../cli/options/option.ts";

export interface Described {
  readonly name: string;
  readonly summary: string;
  readonly options: OptionTable;
}

/** README.md's table. */
export function firstOptions(table: OptionTable, first: readonly string[]): string {
  const options = Object.values(table);
  const rows = first.map((flag) => {
    const option = options.find((one) => one.flag === flag);
    if (option === undefined) throw new Error(`${flag} is not an option of taskiq run: change firstFlags`);
    return `| \`${flag}\` | ${variables(option)} | ${without(option)} |`;
  });
  return ["| option | variable | without it |", "|---|---|---|", ...rows].join("\n");
}

/** The whole of docs/configuration.md, below its introduction. */
export function allOptions(commands: readonly Described[]): string {
  return commands.map(section).join("\n\n");
}

/** The text with what stands between the markers of this name replaced. */
export function fill(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: written by npm run docs -->`, `<!-- ${name}: end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`expected ${begin} and then ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

function section({ name, summary, options }: Described): string {
  const groups = [...Map.groupBy(Object.values(options), ({ group }) => group)];
  const tables = groups.map(([group, members]) =>
    [`**${group}**`, "", "| option | variable | without it | means |", "|---|---|---|---|", ...members.map(row)].join(
      "\n",
    ),
  );
  return [`## taskiq ${name}`, `${summary}.`, ...tables].join("\n\n");
}

function row(option: Option<unknown>): string {
  const names = option.short === null ? [option.flag] : [option.flag, option.short];
  const value = option.placeholder === null ? "" : ` ${option.placeholder}`;
  // What can only be a variable has its name for a flag.
  const shown = option.flag.startsWith("--") ? names.map((one) => code(`${one}${value}`)).join(", ") : "";
  return `| ${shown} | ${variables(option)} | ${without(option)} | ${cell(option.help)} |`;
}

function variables({ env }: Option<unknown>): string {
  return env.map(code).join(", ");
}

function without({ fallback, absent, required, placeholder }: Option<unknown>): string {
  if (required) return "required";
  if (fallback !== null) return code(typeof fallback === "string" ? fallback : fallback.shown);
  if (absent !== null) return cell(absent);
  return placeholder === null ? "off" : "";
}

function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

/** Angle brackets would be taken for HTML, and bars for the end of the cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/[^\s`]*<[^<>]+>[^\s,;.]*/g, "`$&`");
}
