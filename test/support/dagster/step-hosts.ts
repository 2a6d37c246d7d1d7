// Step hosts from fixtures/hosts, run by the real runner as the real host would be: `python -m
// dagster_taskiq.host …`.
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../../core/clock.ts";
import { HostRunner } from "../../../core/runner/host.ts";
import { fastClock } from "../clocks/fast-clock.ts";
import { Observations } from "../observations.ts";
import { type MarkedProcess, markedProcesses, noneMarked } from "../taskiq/marked-processes.ts";

export const python = fileURLToPath(new URL("../../../.venv/bin/python", import.meta.url));
const launcher = fileURLToPath(new URL("../../../fixtures/hosts/launcher", import.meta.url));

const hosts = fileURLToPath(new URL("../../../fixtures/hosts/", import.meta.url));

/**
 * Makes a home whose `python`, for `--python`, is a step host without Dagster, beside a Python with
 * all packages. It writes into the folder `log` there.
 */
export function homeWithHost(name: string): string {
  const home = mkdtempSync(join(tmpdir(), `taskiq-${name}-`));
  mkdirSync(join(home, "log"));
  const program = `#!/bin/sh
if [ "$1" = -c ]; then exec ${python} "$@"; fi
exec ${python} ${hosts}well-behaved.py ${join(home, "log")}
`;
  writeFileSync(join(home, "python"), program, { mode: 0o755 });
  return home;
}

export interface StepHost {
  readonly runner: HostRunner;
  readonly logged: Observations;
  /** A folder of the test's own. */
  readonly folder: string;
  /** Every process of the test that lives: the host, steps, and what they started. */
  readonly alive: () => readonly MarkedProcess[];
}

export interface StepHostOptions {
  readonly clock?: Clock;
  readonly python?: string;
  readonly startMs?: number;
  /** Variables beside the test's own. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** The program is not started yet. When the test ends its processes must have ended, too. */
export async function stepHost(
  t: TestContext,
  program: string,
  args: (folder: string) => readonly string[] = () => [],
  options: StepHostOptions = {},
): Promise<StepHost> {
  const { clock = fastClock, startMs = 300_000 } = options;
  const folder = await mkdtemp(join(tmpdir(), "taskiq-host-"));
  const id = randomUUID();
  const mark = `TASKIQ_TEST=${id}` as const;
  const logged = new Observations();
  const env = {
    ...process.env,
    PYTHONPATH: launcher,
    PYTHONDONTWRITEBYTECODE: "1",
    TASKIQ_TEST: id,
    ...options.variables,
  };
  const settings = { python: options.python ?? python, locationArgs: [program, ...args(folder)], env, startMs };
  const runner = new HostRunner(settings, { clock, observe: logged.observe, chance: () => 0 });
  t.after(async () => {
    await runner.stop();
    await noneMarked(mark);
    await rm(folder, { recursive: true });
  });
  return { runner, logged, folder, alive: () => markedProcesses(mark) };
}
