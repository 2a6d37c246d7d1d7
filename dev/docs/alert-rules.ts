// deploy/metrics/prometheus-alerts.yml: the alerts that should wake an operator, over the metrics
// of the table. Pure.
import { type MetricEntry, prometheusName } from "../../core/metrics/entry.ts";
import { type MetricName, metrics } from "../../core/metrics/table.ts";

interface Alert {
  readonly name: string;
  readonly expr: string;
  /** How long it must hold. */
  readonly for: string;
  readonly severity: "page" | "ticket";
  readonly summary: string;
  /** What to do: a section of docs/operations.md, or a sentence. */
  readonly act: string;
}

const alerts: readonly Alert[] = [
  {
    name: "TaskiqDeadLetters",
    expr: `sum by (queue, reason) (increase(${named("taskiq.dead_letters")}[15m])) > 0`,
    for: "0m",
    severity: "page",
    summary: "taskiq gave up steps of {{ $labels.queue }}: {{ $labels.reason }}",
    act: "docs/operations.md, The DLQ alarm fired",
  },
  {
    name: "TaskiqDependencyDown",
    expr: `max by (cause) (${named("taskiq.circuit.open")}) > 0`,
    for: "5m",
    severity: "page",
    summary: "taskiq receives nothing: {{ $labels.cause }} is down",
    act: "docs/operations.md, A worker is not ready",
  },
  {
    name: "TaskiqStepsWait",
    expr: `histogram_quantile(0.95, sum by (le, queue) (rate(${named("taskiq.step.wait")}_bucket[15m]))) > 600`,
    for: "15m",
    severity: "ticket",
    summary: "Steps of {{ $labels.queue }} wait longer than ten minutes",
    act: "Start more workers, or give them more slots.",
  },
  {
    name: "TaskiqLeasesLost",
    expr: `sum by (queue) (increase(${named("taskiq.leases.lost")}[30m])) > 0`,
    for: "0m",
    severity: "ticket",
    summary: "Workers of {{ $labels.queue }} lost leases, so steps run again",
    act: "Check the ledger's database and the load of the workers.",
  },
  {
    name: "TaskiqStepsRequeued",
    expr: `sum by (queue) (increase(${named("taskiq.step.requeues")}[30m])) > 5`,
    for: "0m",
    severity: "ticket",
    summary: "Steps of {{ $labels.queue }} start again and again",
    act: "Read the cause in step.requeued: memory, a machine that went away, or code that kills its process.",
  },
  {
    name: "TaskiqLedgerSlow",
    expr: `histogram_quantile(0.99, sum by (le) (rate(${named("taskiq.ledger.operation")}_bucket[10m]))) > 2`,
    for: "10m",
    severity: "ticket",
    summary: "The ledger answers slowly",
    act: "Check the ledger's database.",
  },
  {
    name: "TaskiqBug",
    expr: `sum (increase(${named("taskiq.bugs")}[1h])) > 0`,
    for: "0m",
    severity: "ticket",
    summary: "taskiq caught a bug of its own",
    act: "Report the event delivery.bug or endpoint.bug with its stack.",
  },
];

export function alertRules(): string {
  const rules = alerts.flatMap((alert) => [
    `      - alert: ${alert.name}`,
    `        expr: ${JSON.stringify(alert.expr)}`,
    `        for: ${alert.for}`,
    `        labels: { severity: ${alert.severity} }`,
    "        annotations:",
    `          summary: ${JSON.stringify(alert.summary)}`,
    `          action: ${JSON.stringify(alert.act)}`,
  ]);
  const head = ["# Written by npm run docs from dev/docs/alert-rules.ts.", "groups:", "  - name: taskiq", "    rules:"];
  return `${[...head, ...rules].join("\n")}\n`;
}

function named(name: MetricName): string {
  return prometheusName(name, metrics.get(name) as MetricEntry);
}
