// What is kept of a chaos run that went wrong: the workers' logs, the runs' logs, the ledger and
// the queues.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Chaos } from "./chaos.ts";

/** Answers the folder, below `.taskiq/chaos`. */
export async function keepEvidence({ scene }: Chaos, seed: number, acts: readonly string[]): Promise<string> {
  const { deployment, fleet, runs } = scene;
  const folder = join(".taskiq", "chaos", `seed-${seed}-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const keep = (name: string, lines: readonly unknown[]) => {
    const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
    writeFileSync(join(folder, name), `${text.join("\n")}\n`);
  };
  keep("acts.log", acts);
  for (const [number, { log }] of fleet.workers.entries()) keep(`worker-process-${number + 1}.jsonl`, log);
  keep("ledger.jsonl", await deployment.rows());
  keep("queue.jsonl", await deployment.queued());
  keep("dead-letters.jsonl", await deployment.deadLetters());
  for (const { id } of runs.all) keep(`run-${id}.jsonl`, await deployment.dagster.records(id));
  keep("run-workers.log", [deployment.dagster.tail()]);
  return folder;
}
