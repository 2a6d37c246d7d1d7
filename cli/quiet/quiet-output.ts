// The list of `taskiq quiet --list`: requests in force, and the workers that say that they are
// quiet. Pure.
import { span } from "../../core/formats/durations.ts";
import type { QuietReport, QuietRequest } from "../../core/ledger/quiet-records.ts";
import { type Column, renderTable } from "../terminal/table.ts";

const REQUEST_COLUMNS: readonly Column[] = [
  { title: "WORKER", least: 10, lines: 3 },
  { title: "QUEUE", least: 8, lines: 3 },
  { title: "ASKED BY", least: 10, lines: 2, most: 80 },
  { title: "WHY", least: 10, lines: 4 },
  { title: "SINCE", least: 5, lines: 1 },
  { title: "ENDS IN", least: 7, lines: 1 },
];

const REPORT_COLUMNS: readonly Column[] = [
  { title: "QUIET WORKER", least: 12, lines: 3 },
  { title: "QUEUE", least: 8, lines: 3 },
  { title: "RUNNING", least: 7, lines: 1 },
  { title: "IDLE", least: 4, lines: 1 },
  { title: "SAID", least: 7, lines: 1, worth: 1 },
];

/** Empty when there is nothing to list. */
export function listText(
  requests: readonly QuietRequest[],
  reports: readonly QuietReport[],
  nowMs: number,
  width: number,
): string {
  const asked = requests.map(({ worker, queue, who, why, askedAtMs, untilMs }) => [
    worker ?? "every",
    queue ?? "every",
    who,
    why ?? "-",
    span(nowMs - askedAtMs),
    untilMs === null ? "-" : span(untilMs - nowMs),
  ]);
  const quiet = reports.map(({ worker, queue, busy, idle, agoMs }) => [
    worker,
    queue,
    String(busy),
    idle ? "yes" : "no",
    `${span(agoMs)} ago`,
  ]);
  const tables = [
    ...(asked.length === 0 ? [] : [renderTable(REQUEST_COLUMNS, asked, width)]),
    ...(quiet.length === 0 ? [] : [renderTable(REPORT_COLUMNS, quiet, width)]),
  ];
  return tables.join("\n");
}

export function listRecord(requests: readonly QuietRequest[], reports: readonly QuietReport[]): object {
  return {
    requests: requests.map(({ worker, queue, who, why, askedAtMs, untilMs }) => {
      return { worker, queue, who, why, asked_at_ms: askedAtMs, until_ms: untilMs };
    }),
    workers: reports.map(({ worker, queue, busy, idle, agoMs }) => ({ worker, queue, busy, idle, ago_ms: agoMs })),
  };
}
