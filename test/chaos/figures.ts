// One line of figures: what was done to the deployment, and what became of it.
import type { Deployment } from "../support/taskiq/deployment.ts";
import type { LogRecord } from "../support/taskiq/worker-process.ts";
import type { Fleet } from "./fleet.ts";
import type { QueueTrouble } from "./queue-trouble.ts";
import { executionsOf, type Runs } from "./runs.ts";

export interface Counted {
  readonly deployment: Deployment;
  readonly fleet: Fleet;
  readonly runs: Runs;
  readonly trouble: QueueTrouble;
  readonly done: ReadonlyMap<string, number>;
  readonly seconds: number;
}

export async function figuresOf({ deployment, fleet, runs, trouble, done, seconds }: Counted): Promise<string> {
  const rows = await deployment.rows();
  const steps = new Set(rows.map(({ step }) => `${step.runId} ${step.stepKey}`)).size;
  const executions = sum(runs.all.flatMap((run) => [...executionsOf(run).values()]));
  let terminal = 0;
  for (const { id } of runs.all) terminal += (await deployment.dagster.terminalEvents(id)).length;
  const log = fleet.workers.flatMap((worker) => worker.log);
  const count = (event: string) => log.filter((record) => record.event === event).length;
  const takeovers = log.filter((record) => record.event === "step.claimed" && record["taken_over"] === true);
  return [
    `${runs.all.length} runs`,
    `${steps} steps`,
    `${rows.length} attempts`,
    `${executions} executions`,
    `${terminal} terminal events`,
    `${fleet.workers.length} worker processes`,
    `acts: ${listed(done)}`,
    `SQS faults: ${listed(trouble.injected)}`,
    `${takeovers.length} takeovers, ${waited(takeovers, fleet.deaths)}`,
    `${redeliveries(log)} redeliveries`,
    `${count("delivery.duplicate")} duplicates refused`,
    `${count("step.permit_refused")} permits refused`,
    `${count("dead_letter.buried")} buried`,
    `${sum(log.map((record) => (record.event === "sweep.done" ? Number(record["ended"]) : 0)))} swept`,
    `${Math.round(seconds)} s`,
  ].join(", ");
}

/** How long the steps of workers that had died waited for another one. */
function waited(takeovers: readonly LogRecord[], deaths: ReadonlyMap<string, number>): string {
  const seconds = takeovers
    .flatMap(({ time, message }) => {
      const diedAtMs = deaths.get(/^taken over from (\S+),/.exec(message)?.[1] ?? "");
      return diedAtMs === undefined ? [] : (Date.parse(String(time)) - diedAtMs) / 1_000;
    })
    .toSorted((a, b) => a - b);
  const at = (part: number) => seconds[Math.ceil(part * seconds.length) - 1]?.toFixed(1);
  if (seconds.length === 0) return "none of a worker that had died";
  return `${seconds.length} of workers that had died after ${at(0.5)} s (median), ${at(0.99)} s (99 %) and ${at(1)} s (longest)`;
}

function redeliveries(log: readonly Readonly<Record<string, unknown>>[]): number {
  const again = log.filter((record) => Number(record["receive_count"]) > 1);
  return new Set(again.map((record) => `${record["message_id"]} ${record["receive_count"]}`)).size;
}

function listed(counts: ReadonlyMap<string, number>): string {
  const entries = [...counts].toSorted(([a], [b]) => a.localeCompare(b));
  return `${sum([...counts.values()])} (${entries.map(([name, count]) => `${count} ${name}`).join(", ")})`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
