// Which pages have parts that are written by the code, and how they should be.
import { readFileSync } from "node:fs";
import { commands } from "../../cli/commands.ts";
import { FIRST_WORKER_FLAGS, workerOptions } from "../../cli/options/worker-options.ts";
import { reasons } from "../../core/delivery/reasons.ts";
import { eventGroups } from "../../core/events/events.ts";
import { fieldWords } from "../../core/events/fields.ts";
import { eventTables, fieldTable } from "./event-tables.ts";
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
    page("README.md", { "first options": firstOptions(workerOptions, FIRST_WORKER_FLAGS) }),
    page("docs/configuration.md", { "all options": allOptions(described) }),
    page("docs/events.md", { "all events": eventTables(eventGroups), "all fields": fieldTable(fieldWords) }),
    page("docs/operations.md", { reasons: table(["reason", "means"], reasons) }),
  ];
}

function table(titles: readonly string[], rows: ReadonlyMap<string, string>): string {
  const lines = [...rows].map(([word, means]) => `| \`${word}\` | ${means} |`);
  return [`| ${titles.join(" | ")} |`, "|---|---|", ...lines].join("\n");
}

/** `parts`: the content of each part by the name that its markers have. */
function page(path: string, parts: Readonly<Record<string, string>>): WrittenPage {
  const now = readFileSync(new URL(path, root), "utf8");
  const wanted = Object.entries(parts).reduce((text, [part, content]) => fill(text, part, content), now);
  return { path, now, wanted };
}
