// What every section of the bench works with: the plan, the instances, and the end of all that
// runs.
import process from "node:process";
import { type Contender, startInRunWorker } from "./contenders.ts";
import { Instance, type Storage } from "./instance.ts";
import { measureRun } from "./measured-run.ts";
import type { Plan } from "./plan.ts";
import type { Point } from "./points.ts";

interface Opened {
  readonly instance: Instance;
  readonly inProcess: Contender;
}

export class Bench {
  readonly plan: Plan;
  /** Has Dagster, dagster_taskiq and the jobs. */
  readonly python: string;
  /** What the plots show, gathered section by section. */
  readonly points: Point[] = [];
  readonly #opened = new Map<Storage, Opened>();
  readonly #running = new Set<Contender>();

  constructor(plan: Plan, python: string) {
    this.plan = plan;
    this.python = python;
  }

  /** The instance of that storage, and Dagster's in-process executor on it. */
  async on(storage: Storage): Promise<Opened> {
    const known = this.#opened.get(storage);
    if (known !== undefined) return known;
    const instance = await Instance.open(storage);
    const opened = { instance, inProcess: startInRunWorker(instance, this.python, "in_process") };
    this.#opened.set(storage, opened);
    // The first run of a process has imports in its figures.
    await measureRun(instance, opened.inProcess, "noops_2", 2);
    return opened;
  }

  /** Starts a contender, measures with it, and stops it. */
  async beside<C extends Contender, T>(starting: Promise<C>, work: (contender: C) => Promise<T>): Promise<T> {
    const contender = await starting;
    this.#running.add(contender);
    try {
      return await work(contender);
    } finally {
      await this.#stop(contender);
    }
  }

  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** Ends all that runs, in the middle of a measurement too. */
  async close(): Promise<void> {
    for (const contender of this.#running) await this.#stop(contender);
    const opened = [...this.#opened.values()];
    // A signal may come while the bench closes by itself.
    this.#opened.clear();
    for (const { instance, inProcess } of opened) {
      await inProcess.stop();
      await instance.close();
    }
  }

  async #stop(contender: Contender): Promise<void> {
    if (this.#running.delete(contender)) await contender.stop();
  }
}
