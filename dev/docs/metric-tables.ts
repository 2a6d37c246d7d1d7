// The tables of docs/metrics.md. Pure.
import { type MetricTable, prometheusName } from "../../core/metrics/entry.ts";

/** A heading and a table for each group. */
export function metricTables(groups: Readonly<Record<string, MetricTable>>): string {
  return Object.entries(groups).map(section).join("\n\n");
}

function section([title, table]: readonly [string, MetricTable]): string {
  const rows = Object.entries(table).map(([name, entry]) => {
    const { kind, question, means } = entry;
    return `| \`${prometheusName(name, entry)}\` | ${kind} | ${question} | ${means} | ${labelList(entry.labels)} |`;
  });
  const head = ["| metric | kind | answers | means | labels |", "|---|---|---|---|---|"];
  return [`## ${title}`, "", ...head, ...rows].join("\n");
}

/** Labels as Prometheus writes them. */
function labelList(labels: readonly string[]): string {
  return labels.map((label) => `\`${label.replaceAll(".", "_")}\``).join(", ") || "none";
}
