// The fleet: a few places, each with one worker after the other. Crashes, stalls, and rolling
// deploys happen to a place.
import { Bugs } from "../../core/bugs.ts";
import type { LogRecord } from "../../core/observe.ts";
import { idempotencyKey } from "../../core/step/step.ts";
import { Worker } from "../../core/worker/worker.ts";
import { LogStory } from "../support/log-story.ts";
import type { MemoryLedger } from "../support/ports/memory-ledger.ts";
import type { ModelQueue } from "../support/ports/model-queue.ts";
import { Border, type Surroundings } from "./border.ts";
import type { Dagster } from "./dagster.ts";
import { Life } from "./life.ts";
import { ledgerOf, queueOf } from "./ports.ts";
import { type Producer, SHARED_KEY } from "./producer.ts";
import type { Referee } from "./referee.ts";
import type { Scenario } from "./scenario.ts";
import { SimRunner } from "./sim-runner.ts";
import type { HostRules } from "./step-process.ts";

export interface FleetPorts extends Surroundings {
  readonly scenario: Scenario;
  readonly queue: ModelQueue;
  readonly ledger: MemoryLedger;
  readonly dagster: Dagster;
  readonly producer: Producer;
  readonly referee: Referee;
  readonly rules: HostRules;
  readonly down: { ledger: boolean; queue: boolean };
}

interface Employed {
  readonly life: Life;
  readonly worker: Worker;
  readonly runner: SimRunner;
}

const LONGEST_RESTART_MS = 20_000;

export class Fleet {
  /** Deliveries that reached a worker. */
  deliveries = 0;
  readonly #ports: FleetPorts;
  readonly #places: (Employed | null)[] = [];
  #closing = false;
  #newer = false;
  #hired = 0;
  #forks = 0;

  constructor(ports: FleetPorts) {
    this.#ports = ports;
  }

  open(): void {
    for (let place = 0; place < this.#ports.scenario.workers; place += 1) this.#hire(place);
  }

  crash(place: number): void {
    this.#places[place]?.life.die();
  }

  stall(place: number, ms: number): void {
    this.#places[place]?.life.stall(ms);
  }

  loseHost(place: number): void {
    this.#places[place]?.runner.loseHost();
  }

  /** As SIGTERM does; the next worker comes when this one is gone. */
  stop(place: number, graceMs: number): void {
    const employed = this.#places[place];
    if (employed === undefined || employed === null) return;
    this.#ports.trace.note(employed.life.name, `is asked to stop within ${graceMs} ms`);
    employed.life.enter(() => employed.worker.stop(graceMs));
  }

  /** A rolling deploy: workers from now on read what older ones leave alone. */
  deploy(): void {
    this.#newer = true;
    for (const place of this.#places.keys()) this.stop(place, 30_000);
  }

  /** Stops all of them for good. */
  close(): void {
    this.#closing = true;
    for (const place of this.#places.keys()) this.stop(place, 0);
  }

  get empty(): boolean {
    return this.#places.every((employed) => employed === null);
  }

  #hire(place: number): void {
    if (this.#closing) return;
    this.#hired += 1;
    const employed = this.#employ(`w${place + 1}.${this.#hired}`, this.#newer);
    this.#places[place] = employed;
    employed.life.onDeath(() => this.#leave(place, employed, "dies"));
    void employed.runner
      .start()
      .then(() => employed.worker.run())
      .then(() => employed.runner.stop())
      .then(() => this.#leave(place, employed, "ends"));
  }

  /** A worker that has ended may die of a call that is still on its way. It leaves once. */
  #leave(place: number, employed: Employed, how: string): void {
    if (this.#places[place] !== employed) return;
    const { life } = employed;
    const { trace, clock, dice } = this.#ports;
    trace.note(life.name, `the worker ${how}`);
    this.#places[place] = null;
    if (this.#closing) return;
    clock.schedule(dice.between(`${life.name} replaced`, 500, LONGEST_RESTART_MS), () => this.#hire(place));
  }

  #employ(name: string, newer: boolean): Employed {
    const { scenario, dice, clock, trace, referee, producer, ledger, queue, down } = this.#ports;
    const life = new Life(name, clock);
    const border = new Border(life, this.#ports);
    const fences = new Map<string, number>();
    const passage = { life, border, referee, trace };
    const runner = new SimRunner({
      ...this.#ports,
      life,
      instance: scenario.instance,
      records: scenario.records,
      planOf: (step) => producer.planOf(step),
      announced: (step) => producer.attempts.has(idempotencyKey(step)),
      fenceOf: (key) => fences.get(key) ?? 0,
      nextProcess: () => {
        this.#forks += 1;
        return `p${this.#forks}`;
      },
    });
    const onReceived = (count: number) => {
      if (!life.dead) this.deliveries += count;
    };
    const across = queueOf(queue, { ...passage, isDown: () => down.queue, producer, newer, onReceived });
    const observe = this.#watch(life);
    const ports = {
      queues: [{ queue: across, name: "steps", weight: null, most: null }],
      ledger: ledgerOf(ledger, {
        ...passage,
        isDown: () => down.ledger,
        onClaim: (key, fence) => fences.set(key, fence),
      }),
      runner,
      clock: life.clock(),
      observe,
      bugs: new Bugs(observe),
      chance: dice.stream(`chance of ${name}`),
    };
    const { concurrency, leaseMs, waitMs, policy, sweepMs } = scenario;
    const never = { quietMs: null, pruneMs: null };
    const keys = scenario.signed ? { envelopeKeys: [SHARED_KEY] } : {};
    const ledgerSchema = scenario.oneDatabase ? "taskiq" : null;
    const settings = { worker: name, concurrency, leaseMs, ledgerSchema, waitMs, policy, sweepMs, ...never, ...keys };
    return { life, runner, worker: new Worker(ports, settings) };
  }

  #watch(life: Life): (record: LogRecord) => void {
    const { referee, trace } = this.#ports;
    const story = new LogStory();
    return (record) => {
      const { event, message, ...fields } = record;
      const key = String(fields["key"] ?? "");
      const untold = story.read(record);
      if (untold !== null) referee.fail("untold", key || life.name, untold);
      if (event === "delivery.bug" || event === "worker.bug") referee.fail("bug", key || life.name, message);
      if (shown.has(event)) trace.note(life.name, `${event}: ${message}`, key);
    };
  }
}

/** What the borders do not show. */
const shown: ReadonlySet<string> = new Set([
  "lease.lost",
  "sweep.failed",
  "sweep.off",
  "sweep.done",
  "intake.closed",
  "intake.open",
  "lease.visibility_lost",
  "delivery.held",
  "delivery.bug",
  "step.ended",
]);
