// deploy/metrics/grafana-dashboard.json: a panel for each metric of the table. Pure.
import { type MetricEntry, type MetricTable, prometheusName } from "../../core/metrics/entry.ts";

const COLUMNS = 3;
const WIDTH = 24 / COLUMNS;
const HEIGHT = 8;

interface Query {
  readonly expr: string;
  readonly legendFormat: string;
}

export function dashboard(groups: Readonly<Record<string, MetricTable>>): string {
  const panels: object[] = [];
  let y = 0;
  for (const [title, table] of Object.entries(groups)) {
    panels.push({ id: panels.length + 1, type: "row", title, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] });
    y += 1;
    const entries = Object.entries(table);
    for (const [i, [name, entry]] of entries.entries()) {
      const place = { x: (i % COLUMNS) * WIDTH, y: y + Math.floor(i / COLUMNS) * HEIGHT, w: WIDTH, h: HEIGHT };
      panels.push({ id: panels.length + 1, ...panel(name, entry), gridPos: place });
    }
    y += Math.ceil(entries.length / COLUMNS) * HEIGHT;
  }
  const board = {
    uid: "taskiq",
    title: "taskiq workers",
    tags: ["taskiq"],
    schemaVersion: 39,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    templating: { list: [{ name: "datasource", type: "datasource", query: "prometheus", label: "Data source" }] },
    panels,
  };
  return `${JSON.stringify(board, null, 2)}\n`;
}

function panel(name: string, entry: MetricEntry): object {
  return {
    type: "timeseries",
    title: entry.question,
    description: `${prometheusName(name, entry)}: ${entry.means}`,
    datasource: { type: "prometheus", uid: "$datasource" },
    fieldConfig: { defaults: { unit: unitOf(entry), min: 0 }, overrides: [] },
    targets: queriesOf(name, entry).map((query, i) => ({ refId: String.fromCharCode(65 + i), ...query })),
  };
}

function queriesOf(name: string, entry: MetricEntry): readonly Query[] {
  const shown = prometheusName(name, entry);
  const labels = entry.labels.map((label) => label.replaceAll(".", "_"));
  const legend = labels.map((label) => `{{${label}}}`).join(" ");
  const by = (...more: readonly string[]) => {
    const all = [...more, ...labels];
    return all.length === 0 ? "" : ` by (${all.join(", ")})`;
  };
  switch (entry.kind) {
    case "counter":
      return [{ expr: `sum${by()} (rate(${shown}[$__rate_interval]))`, legendFormat: legend }];
    case "gauge":
      return [{ expr: `sum${by()} (${shown})`, legendFormat: legend }];
    case "histogram":
      return [50, 99].map((percent) => ({
        expr: `histogram_quantile(${percent / 100}, sum${by("le")} (rate(${shown}_bucket[$__rate_interval])))`,
        legendFormat: `p${percent} ${legend}`.trim(),
      }));
  }
}

function unitOf({ kind, unit }: MetricEntry): string {
  if (kind === "counter") return "ops";
  return { s: "s", By: "bytes", "1": "short" }[unit];
}
