// What the demo shows of a finished run: a table of attempts, and what ledger and queue hold.
import type { LedgerRow } from "../../core/ledger/port.ts";
import type { Attempt } from "./attempts.ts";
import { strong } from "./screen.ts";
import { type Column, table } from "./table.ts";

const columns: readonly Column<Attempt>[] = [
  { heading: ["step"], cell: ({ step }) => step, shrinks: true },
  { heading: ["attempt"], cell: ({ attempt }) => String(attempt), right: true },
  { heading: ["worker", "process"], cell: workerProcess },
  { heading: ["outcome"], cell: ({ outcome }) => outcome.replaceAll("_", " ") },
  { heading: ["queued", "for"], cell: ({ queuedFor }) => seconds(queuedFor), right: true },
  { heading: ["ran", "for"], cell: ({ ranFor }) => seconds(ranFor), right: true },
];

export function attemptTable(attempts: readonly Attempt[]): string {
  return table(columns, attempts, (line, { outcome }) => strong(colourOf(outcome), line)).join("\n");
}

/** `11 rows: 10 success, 1 up for retry`. */
export function ledgerSummary(rows: readonly LedgerRow[]): string {
  const groups = Map.groupBy(rows, (row) => (row.outcome?.state ?? row.state).replaceAll("_", " "));
  const counts = [...groups].map(([outcome, members]) => `${members.length} ${outcome}`);
  return `${rows.length} rows: ${counts.join(", ")}`;
}

export function colourOf(outcome: string): "green" | "yellow" | "red" {
  if (outcome === "success") return "green";
  return outcome === "up_for_retry" ? "yellow" : "red";
}

/** Host and process id. A worker calls itself `<host>:<pid>`; the process is the step's own. */
function workerProcess({ worker, pid }: Attempt): string {
  const host = worker?.replace(/:\d+$/, "") ?? "-";
  return `${host.length > 10 ? `${host.slice(0, 9)}…` : host}/${pid ?? "-"}`;
}

function seconds(value: number | null): string {
  return value === null ? "-" : `${value.toFixed(2)} s`;
}
