// The workers: one that died is started again, as a container is, under another name.

import { eventually } from "../support/eventually.ts";
import type { Deployment } from "../support/taskiq/deployment.ts";
import type { WorkerProcess } from "../support/taskiq/worker-process.ts";
import { type Anatomy, anatomyOf } from "./anatomy.ts";

export interface Member {
  readonly name: string;
  /** Each life has its own: a worker that was started again is another one. */
  id: string;
  worker: WorkerProcess;
  /** An act is disturbing it now; no other act may. */
  disturbed: boolean;
}

export interface FleetSettings {
  readonly size: number;
  readonly flags: readonly string[];
}

const READY_MS = 180_000;
const BUSY_MS = 180_000;
/**
 * A refused start (exit 3: a dependency is unreachable) is tried again, as an orchestrator does.
 */
const UNREACHABLE = 3;

export class Fleet {
  /** Ends of workers that no act asked for. */
  readonly oddEnds: string[] = [];
  readonly workers: WorkerProcess[] = [];
  /** When workers died, in Unix milliseconds, by their ids. */
  readonly deaths = new Map<string, number>();
  readonly #deployment: Deployment;
  readonly #settings: FleetSettings;
  readonly #members: Member[] = [];
  #closing = false;

  constructor(deployment: Deployment, settings: FleetSettings) {
    this.#deployment = deployment;
    this.#settings = settings;
  }

  /**
   * The first alone: two processes that set up Dagster's new SQLite storage at once get in each
   * other's way.
   */
  async start(): Promise<void> {
    for (let number = 1; number <= this.#settings.size; number += 1) {
      const name = `worker-${number}`;
      const member = { name, id: name, worker: this.#spawn(name), disturbed: false };
      this.#members.push(member);
      this.#keepAlive(member, 1);
      if (number === 1) await this.#ready(member);
    }
    for (const member of this.#members) await this.#ready(member);
  }

  /**
   * Waits for a member that runs a step and that no act disturbs, and lends it out. `chance` picks
   * among several.
   */
  async borrow(chance: () => number): Promise<{ readonly member: Member; readonly anatomy: Anatomy }> {
    return await eventually("a worker runs a step", () => this.#pick(chance), BUSY_MS);
  }

  giveBack(member: Member): void {
    member.disturbed = false;
  }

  /** Nothing is started again from now on. */
  close(): void {
    this.#closing = true;
  }

  /** Ends all workers the gentle way; what does not end so is odd. */
  async stop(): Promise<void> {
    this.close();
    const running = this.workers.filter((worker) => worker.running);
    for (const worker of running) worker.signal("SIGTERM");
    for (const worker of running) {
      const exit = await worker.exit(60_000);
      if (exit.code !== 0)
        this.oddEnds.push(`worker ${worker.pid}, logged to stop, ended with ${JSON.stringify(exit)}`);
    }
  }

  #pick(chance: () => number): { member: Member; anatomy: Anatomy } | null {
    const free = this.#members.filter(({ disturbed, worker }) => !disturbed && worker.running);
    const busy = free
      .map((member) => ({ member, anatomy: anatomyOf(member.worker) }))
      .filter(({ anatomy }) => anatomy.host !== null && anatomy.steps.length > 0);
    const picked = busy[Math.floor(chance() * busy.length)];
    if (picked === undefined) return null;
    picked.member.disturbed = true;
    return picked;
  }

  #spawn(id: string): WorkerProcess {
    const worker = this.#deployment.spawnWorker({ id, flags: this.#settings.flags });
    this.workers.push(worker);
    return worker;
  }

  #keepAlive(member: Member, life: number): void {
    const { worker } = member;
    void worker.exited.then(({ code, signal }) => {
      this.deaths.set(member.id, Date.now());
      if (this.#closing) return;
      const neverStarted = code === UNREACHABLE && worker.count("worker.started") === 0;
      if (code !== 0 && signal !== "SIGKILL" && !neverStarted) {
        this.oddEnds.push(`${member.name}, life ${life}, ended by itself with ${code ?? signal}`);
      }
      member.id = `${member.name}.${life + 1}`;
      member.worker = this.#spawn(member.id);
      this.#keepAlive(member, life + 1);
    });
  }

  async #ready(member: Member): Promise<void> {
    await eventually(`${member.name} is ready`, () => member.worker.count("worker.started") > 0, READY_MS);
  }
}
