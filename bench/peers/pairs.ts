// A contender's runs, each right after a run in one process: what the machine does meanwhile meets
// both, and the ratio stays.
import type { Bench } from "./bench.ts";
import type { Contender } from "./contenders.ts";
import type { Storage } from "./instance.ts";
import { cpuPerStep, type MeasuredRun, measureRun, stepsPerSecond } from "./measured-run.ts";

export interface Pair {
  readonly inProcess: MeasuredRun;
  readonly contender: MeasuredRun;
}

export interface Shape {
  /** What the name of the job in `peer_jobs.py` begins with. */
  readonly shape: string;
  readonly steps: number;
  readonly rounds: number;
  /**
   * The job of the run in one process, where the contender is so slow that it gets a smaller one.
   */
  readonly inProcess?: { readonly shape: string; readonly steps: number };
}

export async function measurePairs(
  bench: Bench,
  storage: Storage,
  contender: Contender,
  { shape, steps, rounds, inProcess: other = { shape, steps } }: Shape,
): Promise<readonly Pair[]> {
  const { instance, inProcess } = await bench.on(storage);
  const pairs: Pair[] = [];
  for (let round = 1; round <= rounds; round++) {
    const beside = await measureRun(instance, inProcess, other.shape, other.steps);
    const measured = await measureRun(instance, contender, shape, steps);
    bench.say(`  round ${round}: ${said(measured)}; in-process ${said(beside)}`);
    pairs.push({ inProcess: beside, contender: measured });
  }
  return pairs;
}

function said(run: MeasuredRun): string {
  return `${stepsPerSecond(run).toFixed(1)} steps/s, ${cpuPerStep(run).toFixed(1)} ms CPU`;
}
