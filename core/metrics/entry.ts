// What the tables of this room hold: each metric with its labels, its buckets, and its words for
// docs/metrics.md. Pure.

export type Kind = "counter" | "histogram" | "gauge";

export interface MetricEntry {
  readonly kind: Kind;
  /** As OpenTelemetry writes units: `s`, `By`, or `1` for a number without a unit. */
  readonly unit: "s" | "By" | "1";
  /** Label names, by which OpenTelemetry and Prometheus tell series apart. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, in its unit. */
  readonly buckets?: readonly number[];
  /** What the metric counts or measures. */
  readonly means: string;
  /** The question of an operator that it answers. */
  readonly question: string;
}

export type MetricTable = Readonly<Record<string, MetricEntry>>;

/** Buckets for what should take milliseconds: calls of a database, parts of a step's overhead. */
export const SHORT = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Buckets for what may take hours: waits and runs of steps. */
export const LONG = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400];

/** Returns the name with its unit written out, as Prometheus wants names. */
export function withUnit(name: string, unit: string): string {
  return `${name}${{ s: ".seconds", By: ".bytes" }[unit] ?? ""}`;
}

/** Returns the name that Prometheus shows. */
export function prometheusName(name: string, { kind, unit }: Pick<MetricEntry, "kind" | "unit">): string {
  return `${withUnit(name, unit).replaceAll(".", "_")}${kind === "counter" ? "_total" : ""}`;
}
