// One run of a job, measured: how long it took, and who used how much CPU.
import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "./contenders.ts";
import { type CpuByKind, cpuSince, sumOf } from "./cpu-account.ts";
import type { Instance } from "./instance.ts";

export interface MeasuredRun {
  readonly steps: number;
  readonly wallMs: number;
  /** For the whole run. */
  readonly cpu: CpuByKind;
  /** From each step's order to its start. */
  readonly waitsMs: readonly number[];
}

/**
 * Until what runs after a run's end (messages deleted, processes that exit) has used no CPU so
 * long.
 */
const QUIET_MS = 300;
const AT_MOST_MS = 10_000;

export async function measureRun(
  instance: Instance,
  contender: Contender,
  shape: string,
  steps: number,
  config: Readonly<Record<string, unknown>> = {},
): Promise<MeasuredRun> {
  const account = (): CpuByKind => ({ ...contender.cpu(), "Postgres server": instance.postgresCpu() });
  const run = await contender.runWorker.create(`${shape}__${contender.executor}`, { ...contender.config, ...config });
  await untilQuiet(account);
  const before = account();
  const ended = await run.execute();
  await untilQuiet(account);
  const cpu = { "run worker": ended.cpuMs, ...cpuSince(before, account()) };
  return { steps, wallMs: ended.wallMs, cpu, waitsMs: await ended.waitsMs() };
}

export function stepsPerSecond({ steps, wallMs }: MeasuredRun): number {
  return (steps / wallMs) * 1_000;
}

export function cpuPerStep({ steps, cpu }: MeasuredRun): number {
  return sumOf(cpu) / steps;
}

async function untilQuiet(account: () => CpuByKind): Promise<void> {
  const deadline = performance.now() + AT_MOST_MS;
  for (let seen = -1; performance.now() < deadline; await sleep(QUIET_MS)) {
    const now = sumOf(account());
    if (now - seen <= 10) return;
    seen = now;
  }
}
