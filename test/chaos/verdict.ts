// What must be true at the end, each thing that is not as a line of text.
import type { LedgerRow } from "../../core/ledger/port.ts";
import { idempotencyKey } from "../../core/step/step.ts";
import { recordedOnce } from "../support/ledger/recorded-once.ts";
import type { Deployment } from "../support/taskiq/deployment.ts";
import type { Fleet } from "./fleet.ts";
import { type ChaosRun, executionsOf, type Runs } from "./runs.ts";

export async function disagreements(deployment: Deployment, fleet: Fleet, runs: Runs): Promise<readonly string[]> {
  const found = [...fleet.oddEnds, ...bugs(fleet)];
  for (const run of runs.all) found.push(...(await disagreementsOf(run, deployment)));
  const known = new Set(runs.all.map(({ id }) => id));
  const strange = (await deployment.rows()).filter(({ step }) => !known.has(step.runId));
  found.push(...strange.map(({ key }) => `the ledger has a row of no run: ${key}`));
  found.push(...(await deadLetters(deployment)));
  return found;
}

async function disagreementsOf(run: ChaosRun, deployment: Deployment): Promise<readonly string[]> {
  const found: string[] = [];
  const rows = await deployment.rows(run.id);
  try {
    await recordedOnce(deployment, run.id);
  } catch (error) {
    found.push(`run ${run.id}: ${error instanceof Error ? error.message : error}`);
  }
  const given = rows.filter(isReported);
  // A step that was given up for good takes its run along; everything else of `chaos` ends well.
  const expected = run.job === "chaos_doomed" || given.some(isLast(rows)) ? "FAILURE" : "SUCCESS";
  if (run.status !== expected) found.push(`run ${run.id} (${run.job}) is ${run.status}, expected ${expected}`);
  const executions = executionsOf(run);
  for (const { step, outcome } of rows) {
    const name = `${step.stepKey} ${step.attempt}`;
    if (outcome?.state === "success" && !executions.has(name))
      found.push(`run ${run.id}: ${name} succeeded without running`);
  }
  return found;
}

/**
 * Every dead letter's attempt was given up: what SQS itself moved there although it had ended is
 * out again.
 */
export async function noneOpen(deployment: Deployment): Promise<boolean> {
  return (await deadLetters(deployment)).every((line) => !line.startsWith(NOT_GIVEN_UP));
}

const NOT_GIVEN_UP = "a dead letter that was not given up";

/**
 * Every dead letter's step was given up, and every step given up is a dead letter, at least once.
 */
async function deadLetters(deployment: Deployment): Promise<readonly string[]> {
  const rows = await deployment.rows();
  const given = new Set(rows.filter(isReported).map(({ key }) => key));
  const letters = await deployment.deadLetters();
  const keys = new Set(letters.map(({ body }) => keyOf(body)));
  return [
    ...[...keys].filter((key) => !given.has(key)).map((key) => `${NOT_GIVEN_UP}: ${key}`),
    ...[...given].filter((key) => !keys.has(key)).map((key) => `given up, but no dead letter: ${key}`),
  ];
}

function keyOf(body: string): string {
  const { run_id: runId, step_key: stepKey, retry_count: attempt } = JSON.parse(body);
  return idempotencyKey({ runId, stepKey, attempt });
}

function bugs({ workers }: Fleet): readonly string[] {
  return workers.flatMap(({ log }) =>
    log.filter(({ event }) => event === "delivery.bug").map(({ message }) => message),
  );
}

function isReported({ outcome }: LedgerRow): boolean {
  return outcome?.state === "reported";
}

function isLast(rows: readonly LedgerRow[]): (row: LedgerRow) => boolean {
  return ({ step }) => !rows.some((other) => other.step.stepKey === step.stepKey && other.step.attempt > step.attempt);
}
