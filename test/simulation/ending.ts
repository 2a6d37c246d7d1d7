// What must hold once everything is calm and the fleet has stopped: every run at its end, queues
// empty, ledger and event log of one mind.
import { idempotencyKey } from "../../core/step/step.ts";
import { readAttempt } from "./dagster.ts";
import { isDead, isUnreadable } from "./referee.ts";
import { unswept, type World } from "./world.ts";

export async function judgeEnd(world: World): Promise<void> {
  judgeHangs(world);
  await judgeLedger(world);
  judgeDeadLetters(world);
}

function judgeHangs(world: World): void {
  const { fleet, runs, source, referee, producer } = world;
  if (!fleet.empty) referee.fail("hang", "fleet", "a worker that was asked to stop goes on");
  for (const run of runs) {
    if (!run.over && !run.waitsForOperator) referee.fail("hang", run.openStep ?? run.plan.id, "the run never ends");
  }
  for (const { id, state } of source.inspect())
    referee.fail("hang", producer.nameOf(id), `its message stays, ${state}`);
  for (const { id } of unswept(world))
    referee.fail("hang", producer.nameOf(id), "SQS moved it, and nobody looks after it");
}

async function judgeLedger({ ledger, dagster, producer, referee }: World): Promise<void> {
  const rows = new Map((await ledger.list({ limit: Number.MAX_SAFE_INTEGER })).map((row) => [row.key, row]));
  for (const { id } of producer.attempts.values()) {
    const key = idempotencyKey(id);
    const row = rows.get(key);
    const { terminal } = readAttempt(dagster.log(id), id.attempt);
    if (row?.outcome === undefined || row.outcome === null) {
      referee.fail("ledger_differs", key, `the row is ${row?.state ?? "missing"}, the log says ${terminal?.kind}`);
      continue;
    }
    const { state } = row.outcome;
    const open = state === "run_over" || state === "parked";
    // A run that was canceled may have had a step end after a worker saw that the run was over.
    if (terminal === null && !open) referee.fail("ledger_differs", key, `settled as ${state}, the log says nothing`);
    if (terminal !== null && state === "parked") referee.fail("ledger_differs", key, `parked, and ${terminal.kind}`);
  }
}

function judgeDeadLetters({ deadLetters, producer, referee }: World): void {
  const letters = new Set(deadLetters.inspect().map(({ body }) => body));
  for (const message of producer.messages.values()) {
    const outcome = message.key === null ? undefined : referee.settledAs.get(message.key);
    const dead = isUnreadable(message) || (outcome !== undefined && isDead(outcome));
    const name = producer.nameOf(message.id);
    const kept = referee.copied.has(message.id) || referee.moved.has(message.id);
    if (dead && !kept) referee.fail("lost", name, "it is nowhere");
    if (!dead && referee.copied.has(message.id) && !referee.refused.has(message.id))
      referee.fail("lost", name, `a dead letter, ended ${outcome?.state}`);
  }
  if (letters.size === 0 && referee.copied.size > 0) referee.fail("lost", "dead letters", "all are gone");
}
