// Which pages have parts that are written by the code, and how they should be.
import { readFileSync } from "node:fs";
import { commands } from "../../cli/commands.ts";
import { firstFlags, runOptions } from "../../cli/run/run-options.ts";
import { reasons } from "../../core/delivery/reasons.ts";
import { allOptions, fill, firstOptions } from "./option-tables.ts";

const root = new URL("../../", import.meta.url);

export interface WrittenPage {
  readonly path: string;
  readonly now: string;
  readonly wanted: string;
}

export async function writtenPages(): Promise<readonly WrittenPage[]> {
  const described = await Promise.all(
    commands.map(async ({ name, summary, load }) => ({ name, summary, options: (await load()).options })),
  );
  return [
    page("README.md", "first options", firstOptions(runOptions, firstFlags)),
    page("docs/configuration.md", "all options", allOptions(described)),
    page("docs/operations.md", "reasons", table(["reason", "means"], reasons)),
  ];
}

function table(titles: readonly string[], rows: ReadonlyMap<string, string>): string {
  const lines = [...rows].map(([word, means]) => `| \`${word}\` | ${means} |`);
  return [`| ${titles.join(" | ")} |`, "|---|---|", ...lines].join("\n");
}

function page(path: string, part: string, content: string): WrittenPage {
  const now = readFileSync(new URL(path, root), "utf8");
  return { path, now, wanted: fill(now, part, content) };
}
