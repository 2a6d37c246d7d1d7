// The dashboard and the alert rules speak of metrics and labels that the table has.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { prometheusName } from "../../../core/metrics/entry.ts";
import { metrics } from "../../../core/metrics/table.ts";

const read = (path: string) => readFileSync(new URL(`../../../deploy/metrics/${path}`, import.meta.url), "utf8");

/** Labels by the series names that Prometheus has. */
const series = new Map<string, readonly string[]>(
  [...metrics].flatMap(([name, entry]): [string, readonly string[]][] => {
    const shown = prometheusName(name, entry);
    const labels = entry.labels.map((label) => label.replaceAll(".", "_"));
    if (entry.kind !== "histogram") return [[shown, labels]];
    return ["_bucket", "_sum", "_count"].map((part) => [`${shown}${part}`, [...labels, "le"]]);
  }),
);

const dashboard = JSON.parse(read("grafana-dashboard.json")) as {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
};
const shown = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const alerted = [...read("prometheus-alerts.yml").matchAll(/^ +expr: (.*)$/gm)].map(
  ([, text = ""]) => JSON.parse(text) as string,
);

for (const [what, exprs] of [
  ["dashboard", shown],
  ["alert rules", alerted],
] as const) {
  test(`the ${what} ask for series that a worker has, by labels that those have`, () => {
    assert.notEqual(exprs.length, 0);
    for (const expr of exprs) {
      const [name = "", ...others] =
        expr
          .match(/\b(?:taskiq|process|nodejs|messaging)_\w+/g)
          ?.filter((word) => !/^messaging_(?:operation|destination|system)/.test(word)) ?? [];
      assert.deepEqual(others, [], expr);
      const labels = series.get(name);
      assert.ok(labels !== undefined, `there is no series ${name} in ${expr}`);
      const by = expr.match(/by \(([^)]*)\)/)?.[1]?.split(", ") ?? [];
      for (const label of by) assert.ok(labels.includes(label), `${name} has no label ${label}`);
    }
  });
}

test("the dashboard shows every metric", () => {
  for (const [name, entry] of metrics) {
    assert.ok(
      shown.some((expr) => expr.includes(prometheusName(name, entry))),
      name,
    );
  }
});
