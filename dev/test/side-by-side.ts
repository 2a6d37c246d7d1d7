// Runs stages side by side: most of them wait half of their time, for processes, leases and polls,
// and would leave a core idle.
import type { Result } from "./summary.ts";

export interface Startable {
  readonly name: string;
  /** Stages that this one begins after, and whose failure makes it pointless. */
  readonly needs: readonly string[];
}

/**
 * Begins them in the order given, `atATime` of them at once; one whose needs are still under way
 * lets the next one go first. Once `signal` is aborted, none begins. The results are in the order
 * of the stages.
 */
export async function runSideBySide<S extends Startable>(
  stages: readonly S[],
  atATime: number,
  run: (stage: S) => Promise<Result>,
  signal: AbortSignal,
): Promise<readonly Result[]> {
  const results = new Map<string, Result>();
  const waiting = [...stages];
  const running = new Map<string, Promise<void>>();
  const isOver = (name: string) => results.has(name) || !stages.some((stage) => stage.name === name);
  while (waiting.length + running.size > 0) {
    const next = running.size < atATime ? waiting.findIndex(({ needs }) => needs.every(isOver)) : -1;
    const [stage] = next === -1 ? [] : waiting.splice(next, 1);
    if (stage === undefined) {
      if (running.size === 0) throw new Error(`stages that need each other: ${waiting.map(({ name }) => name)}`);
      await Promise.race(running.values());
      continue;
    }
    const reason = signal.aborted ? "stopped" : failedNeed(stage, results);
    if (reason !== null) results.set(stage.name, notRun(stage, reason));
    else running.set(stage.name, settle(stage));
  }
  return stages.flatMap(({ name }) => results.get(name) ?? []);

  async function settle(stage: S): Promise<void> {
    results.set(stage.name, await run(stage));
    running.delete(stage.name);
  }
}

function failedNeed({ needs }: Startable, results: ReadonlyMap<string, Result>): string | null {
  const failed = needs.find((name) => results.get(name)?.passed === false);
  return failed === undefined ? null : `${failed} failed`;
}

function notRun(stage: Startable, why: string): Result {
  return { stage: stage.name, ms: null, passed: false, tests: null, detail: why };
}
