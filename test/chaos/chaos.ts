// A deployment with real workers, real Dagster runs and an SQS server that has faults; everything
// that can die is killed meanwhile. At the end every run must have finished, and the ledger and
// Dagster's log must agree.
import { setTimeout as pause } from "node:timers/promises";
import { Dice } from "../simulation/dice.ts";
import { eventually } from "../support/eventually.ts";
import { createQueues } from "../support/sqs/local-sqs.ts";
import { startSqsServer } from "../support/sqs/server/http.ts";
import { asLocalSqs } from "../support/sqs/server/local.ts";
import { type ActName, acts, type Scene } from "./acts.ts";
import { pidsOf, signalAll } from "./anatomy.ts";
import { openDeployment } from "./databases.ts";
import { figuresOf } from "./figures.ts";
import { Fleet } from "./fleet.ts";
import { actsOf, type ChaosPlan, LEASE_MS } from "./plan.ts";
import { QueueTrouble } from "./queue-trouble.ts";
import { Runs } from "./runs.ts";
import { disagreements, noneOpen } from "./verdict.ts";

export interface ChaosResult {
  /** How often each act was done. */
  readonly done: ReadonlyMap<string, number>;
  readonly figures: string;
  /** Empty when everything agrees. */
  readonly disagreements: readonly string[];
}

/** Acts at a time. */
const LANES = { each_once: 3, at_random: 2 };
const LONGEST_PAUSE_MS = 2_000;
const CALM_MS = 300_000;
/**
 * How long acts go on after the last launch, so that the last runs have their share and yet an end.
 */
const LAST_ACTS_MS = 30_000;
/** SQS itself gives up what it handed out that often, and the sweep ends it. */
const MAX_RECEIVES = 8;
/** In short, the sweep's lock of a killed worker would take longer to lapse than all the rest. */
const MAX_RECEIVES_SHORT = 50;
const flags = ["--max-starts", "4", "--grace", "5s", "--concurrency", "3", "--sweep-interval", "1s"];

export class Chaos {
  readonly scene: Scene;
  readonly #plan: ChaosPlan;
  readonly #print: (line: string) => void;
  readonly #done = new Map<string, number>();
  readonly #startedAt = performance.now();

  /** Calls `print` with a line for each act as it is done. */
  static async open(plan: ChaosPlan, print: (line: string) => void): Promise<Chaos> {
    const server = await startSqsServer();
    const sqs = asLocalSqs(server);
    const short = plan.until.is === "each_once";
    const maxReceiveCount = short ? MAX_RECEIVES_SHORT : MAX_RECEIVES;
    const queues = await createQueues(sqs, "steps", { fifo: plan.fifo, maxReceiveCount });
    const deployment = await openDeployment(plan.database, sqs, queues);
    const dice = new Dice(plan.seed);
    const parts = dice.stream("parts");
    const runs = new Runs(deployment, {
      parts: () => (short ? 6 : 6 + Math.floor(parts() * 12)),
      longSeconds: (LEASE_MS / 1_000) * 1.3,
      doomedEvery: short ? 2 : 5,
      unfinished: short ? 2 : 4,
    });
    const fleet = new Fleet(deployment, { size: plan.workers, flags });
    const trouble = new QueueTrouble(server, queues.name, dice.stream("faults"));
    const chance = dice.stream("acts");
    return new Chaos(plan, { deployment, runs, fleet, trouble, chance, leaseMs: LEASE_MS }, print);
  }

  private constructor(plan: ChaosPlan, scene: Scene, print: (line: string) => void) {
    this.#plan = plan;
    this.scene = scene;
    this.#print = print;
  }

  async run(): Promise<ChaosResult> {
    const { fleet, runs, trouble, deployment } = this.scene;
    await fleet.start();
    await this.#storm();
    this.#print("calm: no more acts, no more faults");
    trouble.end();
    await eventually("every run has finished", () => this.#allFinished(), CALM_MS);
    await deployment.queueEmpty(CALM_MS);
    await eventually("no dead letter's attempt is open", () => noneOpen(deployment), CALM_MS);
    await fleet.stop();
    const figures = await figuresOf({ ...this.scene, done: this.#done, seconds: this.#seconds() });
    return { done: this.#done, figures, disagreements: await disagreements(deployment, fleet, runs) };
  }

  /** Rejects when a process is left. */
  async close(): Promise<void> {
    this.scene.fleet.close();
    // An act that failed may have left some stopped.
    for (const worker of this.scene.fleet.workers) signalAll(pidsOf(worker), "SIGCONT");
    await this.scene.deployment.close();
  }

  /** Acts in lanes, runs beside them, until the plan ends. */
  async #storm(): Promise<void> {
    const names = actsOf(this.#plan, this.scene.chance);
    const lanes = this.#plan.until.is === "each_once" ? LANES.each_once : LANES.at_random;
    let acting = true;
    const storm = Promise.all(Array.from({ length: lanes }, () => this.#lane(names))).finally(() => {
      acting = false;
    });
    const wanted = () => (this.#plan.until.is === "each_once" ? acting : this.#wanted());
    await Promise.all([this.scene.runs.feed(wanted), storm]);
  }

  async #lane(names: Generator<ActName>): Promise<void> {
    const patient = this.#plan.until.is !== "each_once";
    while (this.#wanted() || this.#hasPrey()) {
      const { value: name, done } = names.next();
      if (done === true || name === undefined) return;
      await this.#act(name, !patient);
      if (patient) await pause(this.scene.chance() * LONGEST_PAUSE_MS);
    }
  }

  /** `insist`: tries until there is something to do it to. */
  async #act(name: ActName, insist: boolean): Promise<void> {
    const perform = () => acts[name](this.scene);
    const what = insist ? await eventually(`something to ${name}`, perform, CALM_MS) : await perform();
    if (what === null) return;
    this.#done.set(name, (this.#done.get(name) ?? 0) + 1);
    this.#print(`${this.#seconds().toFixed(1)} s  ${name}: ${what}`);
  }

  #hasPrey(): boolean {
    const { unfinished, lastLaunchAtMs } = this.scene.runs;
    return unfinished.length > 0 && performance.now() - lastLaunchAtMs < LAST_ACTS_MS;
  }

  #wanted(): boolean {
    const { until } = this.#plan;
    if (until.is === "steps") return this.scene.runs.steps < until.number;
    if (until.is === "minutes") return this.#seconds() < until.number * 60;
    return true;
  }

  async #allFinished(): Promise<boolean> {
    await this.scene.runs.look();
    return this.scene.runs.unfinished.length === 0;
  }

  #seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }
}
