// From a world that broke a rule to the smallest part of it that still does: fewer runs, faults and
// workers, one try after the other.

import { liveThrough, type WorldReport } from "./live.ts";
import type { Violation } from "./referee.ts";
import type { HostRules } from "./step-process.ts";
import { type Selection, wholeWorld } from "./world.ts";

export interface Shrunk {
  readonly report: WorldReport;
  readonly selection: Selection;
  readonly tries: number;
}

/** Every try is a whole world; small ones take milliseconds. */
const MOST_TRIES = 600;

export async function shrink(seed: number, rule: Violation["rule"], rules: HostRules): Promise<Shrunk> {
  const search = new Search(seed, rule, rules);
  await search.keep(wholeWorld);
  await search.reduceWork();
  await search.reduceFaults();
  await search.reduceWorkers();
  // With fewer workers or faults, more of the rest may turn out to be needless.
  await search.reduceWork();
  await search.reduceFaults();
  return search.best();
}

class Search {
  readonly #seed: number;
  readonly #rule: Violation["rule"];
  readonly #rules: HostRules;
  #best: Omit<Shrunk, "tries"> | null = null;
  #tries = 0;

  constructor(seed: number, rule: Violation["rule"], rules: HostRules) {
    this.#seed = seed;
    this.#rule = rule;
    this.#rules = rules;
  }

  best(): Shrunk {
    if (this.#best === null) throw new Error(`seed ${this.#seed} does not break ${this.#rule} a second time`);
    return { ...this.#best, tries: this.#tries };
  }

  /** Whether this part still breaks the same rule; if so it is the best so far. */
  async keep(selection: Selection): Promise<boolean> {
    if (this.#tries >= MOST_TRIES) return false;
    this.#tries += 1;
    const report = await liveThrough(this.#seed, selection, this.#rules);
    if (report.violation?.rule !== this.#rule) return false;
    this.#best = { report, selection };
    return true;
  }

  async reduceWork(): Promise<void> {
    const { report, selection } = this.best();
    const { runs, garbage, hostile } = report.scenario;
    const work = selection.work ?? new Set([...runs, ...garbage, ...hostile].map(({ id }) => id));
    const culprit = report.violation?.about.split(":")[0] ?? "";
    // Mostly one run is enough.
    if (work.has(culprit)) await this.keep({ ...selection, work: new Set([culprit]) });
    await this.#leaveOut([...(this.best().selection.work ?? work)], (kept) => ({
      ...this.best().selection,
      work: new Set(kept),
    }));
  }

  async reduceFaults(): Promise<void> {
    const { report } = this.best();
    await this.#leaveOut([...new Set(report.struck)], (kept) => ({
      ...this.best().selection,
      faults: new Set(kept),
    }));
  }

  async reduceWorkers(): Promise<void> {
    const { workers } = this.best().report.scenario;
    for (let fewer = 1; fewer < workers; fewer += 1) {
      if (await this.keep({ ...this.best().selection, workers: fewer })) return;
    }
  }

  /**
   * Leaves out halves, then quarters, down to single ones, as long as that breaks the rule (delta
   * debugging).
   */
  async #leaveOut(all: readonly string[], select: (kept: readonly string[]) => Selection): Promise<void> {
    let kept = all;
    for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < kept.length; ) {
        const fewer = [...kept.slice(0, from), ...kept.slice(from + size)];
        if (await this.keep(select(fewer))) kept = fewer;
        else from += size;
      }
    }
  }
}
