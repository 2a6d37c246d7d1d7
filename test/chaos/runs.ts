// The runs: real ones of the jobs in `fixtures/definitions/chaos.py`, launched as long as they are
// wanted.
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Deployment } from "../support/taskiq/deployment.ts";

export interface ChaosRun {
  readonly id: string;
  readonly job: "chaos" | "chaos_doomed";
  readonly folder: string;
  readonly steps: number;
  /** Of the run when it was last looked at. */
  status: string;
}

export interface RunSettings {
  readonly parts: () => number;
  readonly longSeconds: number;
  /** Every so many runs one is doomed. */
  readonly doomedEvery: number;
  readonly unfinished: number;
}

const FINISHED = ["SUCCESS", "FAILURE", "CANCELED"];
const LOOK_AGAIN_MS = 500;
/** Of the job `chaos`, beside its parts: four plain ones, add_up, split, gather, call. */
const CHAOS_STEPS = 8;
/** Those that are sent: `never` is skipped. */
const DOOMED_STEPS = 4;

export class Runs {
  readonly all: ChaosRun[] = [];
  /** Monotonic. */
  lastLaunchAtMs = Number.NEGATIVE_INFINITY;
  readonly #deployment: Deployment;
  readonly #settings: RunSettings;

  constructor(deployment: Deployment, settings: RunSettings) {
    this.#deployment = deployment;
    this.#settings = settings;
  }

  get steps(): number {
    return this.all.reduce((sum, { steps }) => sum + steps, 0);
  }

  get unfinished(): readonly ChaosRun[] {
    return this.all.filter(({ status }) => !FINISHED.includes(status));
  }

  /** Keeps a few runs under way while `wanted`. */
  async feed(wanted: () => boolean): Promise<void> {
    while (wanted()) {
      await this.look();
      if (this.unfinished.length < this.#settings.unfinished && wanted()) await this.#launch();
      else await pause(LOOK_AGAIN_MS);
    }
  }

  /** Asks Dagster how the unfinished ones are. */
  async look(): Promise<void> {
    for (const run of this.unfinished) run.status = (await this.#deployment.dagster.status(run.id)) ?? "unknown";
  }

  async #launch(): Promise<void> {
    const { doomedEvery, parts, longSeconds } = this.#settings;
    const number = this.all.length + 1;
    const job = number % doomedEvery === 0 ? "chaos_doomed" : "chaos";
    const folder = join(this.#deployment.home, "chaos", String(number));
    mkdirSync(folder, { recursive: true });
    const count = parts();
    const diary = { diary: { config: { folder, parts: count, long_seconds: longSeconds } } };
    const resources = job === "chaos" ? { ...diary, link: { config: { folder } } } : diary;
    const id = await this.#deployment.dagster.launch(job, { resources });
    const steps = job === "chaos" ? CHAOS_STEPS + count : DOOMED_STEPS;
    this.lastLaunchAtMs = performance.now();
    this.all.push({ id, job, folder, steps, status: "STARTED" });
  }
}

/** How often each attempt of a step began to run user code, by `step attempt`. */
export function executionsOf({ folder }: ChaosRun): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  if (!existsSync(folder)) return counts;
  for (const step of readdirSync(folder)) {
    for (const line of readFileSync(join(folder, step), "utf8").split("\n")) {
      const [attempt = ""] = line.split(" ");
      if (attempt !== "") counts.set(`${step} ${attempt}`, (counts.get(`${step} ${attempt}`) ?? 0) + 1);
    }
  }
  return counts;
}
