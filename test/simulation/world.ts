// One world: a scenario, put together on a manual clock.

import { SqsModel } from "../../cli/dev/sqs-server/model.ts";
import type { QueueModel } from "../../cli/dev/sqs-server/queue-model.ts";
import { ManualClock, quietMicrotasks } from "../support/clocks/manual-clock.ts";
import { MemoryLedger } from "../support/ports/memory-ledger.ts";
import { ModelQueue } from "../support/ports/model-queue.ts";
import { Agenda } from "./agenda.ts";
import { Dagster } from "./dagster.ts";
import { Dice } from "./dice.ts";
import { FaultPlan } from "./faults.ts";
import { Fleet } from "./fleet.ts";
import { sendHostile } from "./hostile.ts";
import { Producer, type Sent } from "./producer.ts";
import { isDead, isUnreadable, Referee } from "./referee.ts";
import { RunWorker } from "./run-worker.ts";
import { type Incident, type Scenario, WRITE_BOUND_MS } from "./scenario.ts";
import type { HostRules } from "./step-process.ts";
import { Trace } from "./trace.ts";
import type { RunPlan, StepPlan } from "./workload.ts";

/** A part of a world; null stands for all of it. */
export interface Selection {
  readonly faults: ReadonlySet<string> | null;
  /** Ids of runs, of garbage and of hostile messages. */
  readonly work: ReadonlySet<string> | null;
  readonly workers: number | null;
}

export const wholeWorld: Selection = { faults: null, work: null, workers: null };

export interface World {
  readonly scenario: Scenario;
  readonly clock: ManualClock;
  readonly trace: Trace;
  readonly faults: FaultPlan;
  readonly source: QueueModel;
  readonly deadLetters: QueueModel;
  readonly ledger: MemoryLedger;
  readonly dagster: Dagster;
  readonly producer: Producer;
  readonly referee: Referee;
  readonly fleet: Fleet;
  readonly runs: readonly RunWorker[];
  readonly agenda: Agenda;
}

export function reduce(scenario: Scenario, { work, workers }: Selection): Scenario {
  return {
    ...scenario,
    workers: workers ?? scenario.workers,
    runs: scenario.runs.filter(({ id }) => work?.has(id) ?? true),
    garbage: scenario.garbage.filter(({ id }) => work?.has(id) ?? true),
    hostile: scenario.hostile.filter(({ id }) => work?.has(id) ?? true),
  };
}

/** `silent`: without a trace. */
export function build(scenario: Scenario, selection: Selection, rules: HostRules, silent = false): World {
  const { rates, calmFromMs: endMs, leaseMs } = scenario;
  const dice = new Dice(scenario.seed);
  const clock = new ManualClock(undefined, quietMicrotasks);
  const trace = new Trace(clock.monoMs, silent);
  const faults = new FaultPlan({ dice, rates, nowMs: clock.monoMs, endMs, only: selection.faults });
  const { source, deadLetters } = makeQueues(scenario, clock);
  const ledger = new MemoryLedger({ clock, writeBoundMs: WRITE_BOUND_MS, burialKey: "the same in each world" });
  const dagster = new Dagster(clock.wallMs);
  const producer = new Producer(source, scenario, clock.wallMs);
  const referee = new Referee(dagster, producer);
  const agenda = new Agenda(clock);
  const around = { clock, dice, faults, trace, leaseMs };
  addStrangers(scenario, deadLetters, referee);
  const queue = new ModelQueue({ source, deadLetters, clock });
  const down = { ledger: false, queue: false };
  const fleet = new Fleet({ ...around, scenario, queue, ledger, dagster, producer, referee, rules, down });
  const send = (sent: ReturnType<Producer["send"]>) => {
    trace.note("producer", "sends", producer.nameOf(sent.id));
    referee.sent(sent);
  };
  const runs = scenario.runs.map((plan) => {
    const note = (what: string) => trace.note("dagster", what, plan.id);
    const isParked = (runId: string, stepKey: string) => referee.isParked(runId, stepKey);
    const sendAttempt = (run: RunPlan, step: StepPlan, attempt: number) => {
      send(producer.send(run, step, attempt));
      if (attempt > 0 || !step.forged) return;
      const inMs = dice.between(`${run.id}:${step.key} forged in`, 0, 20_000);
      agenda.schedule(inMs, () => send(producer.sendForgery(run, step)));
    };
    return new RunWorker(plan, { agenda, dagster, dice, note, isParked, send: sendAttempt });
  });
  dagster.onEvent(({ runId, stepKey }) => runs.find(({ plan }) => plan.id === runId)?.saw(stepKey));
  for (const hostile of scenario.hostile)
    agenda.schedule(hostile.atMs, () => {
      const sent = sendHostile(hostile, dagster, producer);
      if (sent !== null) send(sent);
    });
  for (const garbage of scenario.garbage) agenda.schedule(garbage.atMs, () => send(producer.sendGarbage(garbage)));
  const world = {
    scenario,
    clock,
    trace,
    faults,
    source,
    deadLetters,
    ledger,
    dagster,
    producer,
    referee,
    fleet,
    runs,
    agenda,
  };
  deadLetters.onChange(() => noteMoved(world));
  clock.schedule(endMs, () => fleet.deploy());
  for (const incident of scenario.incidents) clock.schedule(incident.atMs, () => happen(incident, world, down));
  return world;
}

function makeQueues({ fifo, maxReceiveCount }: Scenario, clock: ManualClock) {
  const model = new SqsModel({ clock });
  const [suffix, type] = fifo ? [".fifo", { FifoQueue: "true" }] : ["", {}];
  const deadLetters = model.createQueue(`dead${suffix}`, type);
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount });
  const kept = { MessageRetentionPeriod: "1209600" };
  return { source: model.createQueue(`steps${suffix}`, { ...type, ...kept, RedrivePolicy }), deadLetters };
}

function addStrangers({ strangers, fifo }: Scenario, deadLetters: QueueModel, referee: Referee): void {
  for (const [i, groupId] of strangers.entries()) {
    const { messageId } = deadLetters.send({
      body: "theirs",
      groupId,
      ...(fifo ? { deduplicationId: `stranger-${i}` } : {}),
    });
    referee.strangers.add(messageId);
  }
}

/**
 * What SQS itself moved to the dead letter queue, names a step of this instance, and has not been
 * looked after yet.
 */
export function unswept({ deadLetters, producer, referee }: World): readonly Sent[] {
  const moved = deadLetters.inspect().filter(({ deadLetterSourceArn }) => deadLetterSourceArn !== null);
  return moved
    .map(({ id }) => producer.messageOf(id))
    .filter((message) => {
      if (message.key === null || message.strange) return false;
      const outcome = referee.settledAs.get(message.key);
      return isUnreadable(message) || outcome === undefined || !isDead(outcome);
    });
}

function noteMoved({ deadLetters, referee, trace, producer }: World): void {
  for (const { id, deadLetterSourceArn } of deadLetters.inspect()) {
    if (deadLetterSourceArn === null || referee.moved.has(id)) continue;
    referee.moved.add(id);
    trace.note("sqs", "moves it to the dead letter queue", producer.nameOf(id));
  }
}

function happen(
  incident: Incident,
  { scenario, faults, trace, fleet, dagster, clock, source }: World,
  down: { ledger: boolean; queue: boolean },
) {
  const { id, kind, place, forMs } = incident;
  if (!faults.admits(id)) return;
  trace.note("world", `${id}, place ${place + 1}, for ${forMs} ms`);
  const forAWhile = (set: (isDown: boolean) => void) => {
    set(true);
    clock.schedule(forMs, () => set(false));
  };
  switch (kind) {
    case "crash":
      return fleet.crash(place);
    case "stall":
      return fleet.stall(place, forMs);
    case "stop":
      return fleet.stop(place, forMs);
    case "host_dies":
      return fleet.loseHost(place);
    case "ledger_down":
      return forAWhile((isDown) => {
        down.ledger = isDown;
      });
    case "queue_down":
      return forAWhile((isDown) => {
        down.queue = isDown;
      });
    case "dagster_down":
      return forAWhile((isDown) => {
        dagster.down = isDown;
      });
    case "fails_over":
      dagster.failovers += 1;
      return forAWhile((isDown) => {
        dagster.down = isDown;
        if (scenario.oneDatabase) down.ledger = isDown;
      });
    case "deliver_again": {
      const inFlight = source.settings.fifo ? undefined : source.inspect().find(({ state }) => state === "in_flight");
      if (inFlight !== undefined) source.deliverAgain(inFlight.id);
    }
  }
}
