// Which pages and files of the checkout the code writes, wholly or in part, and how they should be.
import { existsSync, readFileSync } from "node:fs";
import { commands } from "../../cli/commands.ts";
import { FIRST_WORKER_FLAGS, workerOptions } from "../../cli/options/worker-options.ts";
import { reasons } from "../../core/delivery/reasons.ts";
import { eventGroups } from "../../core/events/events.ts";
import { fieldWords } from "../../core/events/fields.ts";
import { metricGroups } from "../../core/metrics/table.ts";
import { alertRules } from "./alert-rules.ts";
import { dashboard } from "./dashboard.ts";
import { eventTables, fieldTable } from "./event-tables.ts";
import { metricTables } from "./metric-tables.ts";
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
    page("docs/metrics.md", { "all metrics": metricTables(metricGroups) }),
    whole("deploy/metrics/grafana-dashboard.json", dashboard(metricGroups)),
    whole("deploy/metrics/prometheus-alerts.yml", alertRules()),
    page("docs/operations.md", { reasons: table(["reason", "means"], reasons) }),
  ];
}

function table(titles: readonly string[], rows: ReadonlyMap<string, string>): string {
  const lines = [...rows].map(([word, means]) => `| \`${word}\` | ${means} |`);
  return [`| ${titles.join(" | ")} |`, "|---|---|", ...lines].join("\n");
}

/** A file that nothing else writes. */
function whole(path: string, wanted: string): WrittenPage {
  const place = new URL(path, root);
  return { path, now: existsSync(place) ? readFileSync(place, "utf8") : "", wanted };
}

/** `parts`: the content of each part by the name that its markers have. */
function page(path: string, parts: Readonly<Record<string, string>>): WrittenPage {
  const now = readFileSync(new URL(path, root), "utf8");
  const wanted = Object.entries(parts).reduce((text, [part, content]) => fill(text, part, content), now);
  return { path, now, wanted };
}
