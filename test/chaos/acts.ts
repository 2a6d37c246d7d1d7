// What is done to the workers, each with a fact to wait for before it and after it.
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../support/eventually.ts";
import { type Anatomy, haveStopped, pidsOf, signalAll, writesNow } from "./anatomy.ts";
import type { LockableDeployment } from "./databases.ts";
import type { Fleet, Member } from "./fleet.ts";
import type { QueueTrouble } from "./queue-trouble.ts";
import type { Runs } from "./runs.ts";

export interface Scene {
  readonly deployment: LockableDeployment;
  readonly fleet: Fleet;
  readonly runs: Runs;
  readonly trouble: QueueTrouble;
  readonly chance: () => number;
  readonly leaseMs: number;
}

/** Answers what it did, in a few words, or null when there was nothing to do it to. */
export type Act = (scene: Scene) => Promise<string | null>;

const GONE_MS = 30_000;
const DRAINED_MS = 120_000;

export const acts = {
  kill_container: onBusy(async ({ member, anatomy }) => {
    signalAll(anatomy.all, "SIGKILL");
    await ended(member);
    return `${anatomy.all.length} processes of ${member.name}`;
  }),
  /** Between its permit and its row, whether its terminal event is written or not. */
  kill_permitted: onBusy(async ({ member }, scene) => {
    if (!(await isPermitted(scene, member))) return null;
    const stopped = await stopAll(() => pidsOf(member.worker));
    const isCaught = await isPermitted(scene, member);
    signalAll(stopped, isCaught ? "SIGKILL" : "SIGCONT");
    if (!isCaught) return null;
    await ended(member);
    return member.name;
  }),
  kill_worker: onBusy(async ({ member, anatomy }) => {
    signalAll([anatomy.worker], "SIGKILL");
    await ended(member);
    return member.name;
  }),
  kill_host: onBusy(async ({ member, anatomy }) => {
    signalAll(existing(anatomy.host), "SIGKILL");
    return `the host of ${member.name}`;
  }),
  kill_recorder: onBusy(async ({ member, anatomy }) => {
    const killed = signalAll(existing(anatomy.recorder), "SIGKILL");
    return killed === 0 ? null : `the recorder of ${member.name}`;
  }),
  kill_location_host: onBusy(async ({ member, anatomy }, { chance }) => {
    const location = oneOf(anatomy.locationHosts, chance) ?? null;
    return signalAll(existing(location), "SIGKILL") === 0 ? null : `location host ${location} of ${member.name}`;
  }),
  kill_step: onBusy(async ({ member, anatomy }, { chance }) => {
    const step = oneOf(anatomy.steps, chance);
    return step === undefined || signalAll([step], "SIGKILL") === 0 ? null : `process ${step} of ${member.name}`;
  }),
  terminate_worker: onBusy(async ({ member, anatomy }) => {
    const { worker } = member;
    signalAll([anatomy.worker], "SIGTERM");
    const { code, signal } = await worker.exit(DRAINED_MS);
    return `${member.name}, which ended with ${code ?? signal}`;
  }),
  stop_worker: onBusy(async ({ member, anatomy }, scene) => {
    await frozenFor(() => [anatomy.worker], beyondLease(scene));
    return member.name;
  }),
  stop_host: onBusy(async ({ member, anatomy }, scene) => {
    await frozenFor(() => existing(anatomy.host), aWhile(scene));
    return `the host of ${member.name}`;
  }),
  stop_recorder: onBusy(async ({ member, anatomy }, scene) => {
    const recorder = existing(anatomy.recorder);
    if (recorder.length === 0) return null;
    const isLong = await frozenFor(
      () => recorder,
      beyondLease(scene),
      () => writesNow(recorder),
    );
    return isLong ? `the recorder of ${member.name}` : null;
  }),
  stop_step: onBusy(async ({ member, anatomy }, scene) => {
    const step = oneOf(anatomy.steps, scene.chance);
    if (step === undefined) return null;
    const isLong = await frozenFor(
      () => [step],
      beyondLease(scene),
      () => writesNow([step]),
    );
    return isLong ? `process ${step} of ${member.name}` : null;
  }),
  freeze_container: onBusy(async ({ member }, scene) => {
    const all = () => pidsOf(member.worker);
    const isLong = await frozenFor(
      all,
      beyondLease(scene),
      async () => (await isPermitted(scene, member)) || writesNow(all()),
    );
    return isLong ? member.name : null;
  }),
  lock_ledger: async (scene: Scene) => {
    const ms = aWhile(scene);
    return (await scene.deployment.lockLedger(() => pause(ms))) ? `for ${Math.round(ms)} ms` : null;
  },
  queue_outage: async (scene: Scene) => {
    const { trouble } = scene;
    trouble.down = true;
    const ms = aWhile(scene);
    await pause(ms);
    trouble.down = false;
    return `for ${Math.round(ms)} ms`;
  },
  deliver_again: async ({ trouble, chance }: Scene) => (trouble.deliverAgain(chance) ? "a message in flight" : null),
  kill_run_worker: async ({ deployment, runs, chance }: Scene) => {
    const run = oneOf(runs.unfinished, chance);
    if (run === undefined || !(await deployment.dagster.killRunWorker(run.id))) return null;
    await deployment.dagster.resume(run.id);
    return `of run ${run.id}`;
  },
} as const satisfies Readonly<Record<string, Act>>;

export type ActName = keyof typeof acts;

interface Borrowed {
  readonly member: Member;
  readonly anatomy: Anatomy;
}

/** Acts on a worker that runs a step, while no other act disturbs it. */
function onBusy(act: (borrowed: Borrowed, scene: Scene) => Promise<string | null>): Act {
  return async (scene) => {
    const borrowed = await scene.fleet.borrow(scene.chance);
    try {
      return await act(borrowed, scene);
    } finally {
      scene.fleet.giveBack(borrowed.member);
    }
  };
}

/**
 * Stops processes, new ones among them, and lets them go on after `ms`. Returns `false` at once
 * when they must not be stopped here.
 *
 * Two kinds must not. A machine may not freeze for longer than a lease between the check of a
 * permit's deadline and the commit, as the README says. And a process that holds a lock of
 * Dagster's database would freeze those that are checked, too.
 */
async function frozenFor(
  pids: () => readonly number[],
  ms: number,
  mustNot: () => boolean | Promise<boolean> = () => false,
): Promise<boolean> {
  const stopped = await stopAll(pids);
  try {
    if (await mustNot()) return false;
    await pause(ms);
    return true;
  } finally {
    signalAll(stopped, "SIGCONT");
  }
}

/** Answers all that it stopped, those that began meanwhile among them. */
async function stopAll(pids: () => readonly number[]): Promise<readonly number[]> {
  const stopped = new Set<number>();
  for (let left = pids(); left.length > 0; left = pids().filter((pid) => !stopped.has(pid))) {
    signalAll(left, "SIGSTOP");
    for (const pid of left) stopped.add(pid);
  }
  await eventually("they have stopped", () => haveStopped([...stopped]), GONE_MS);
  return [...stopped];
}

/** Everything of it stands still, so what the ledger says of it stays true. */
async function isPermitted({ deployment }: Scene, { id }: Member): Promise<boolean> {
  const rows = await deployment.rows();
  return rows.some(({ state, owner }) => state === "permitted" && owner === id);
}

async function ended({ worker }: Member): Promise<void> {
  await worker.exited;
  await eventually("nothing of it is left", () => worker.processes().length === 0, GONE_MS);
}

function beyondLease({ leaseMs, chance }: Scene): number {
  return leaseMs * (1.15 + 0.25 * chance());
}

/** Sometimes beyond the lease. */
function aWhile({ leaseMs, chance }: Scene): number {
  return leaseMs * (0.2 + 1.1 * chance());
}

function existing(pid: number | null): readonly number[] {
  return pid === null ? [] : [pid];
}

function oneOf<T>(things: readonly T[], chance: () => number): T | undefined {
  return things[Math.floor(chance() * things.length)];
}
