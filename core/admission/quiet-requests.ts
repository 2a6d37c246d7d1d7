// Which quiet requests of the ledger concern a worker and its queues, and the words for a request.
import type { QuietRequest, QuietTarget } from "../ledger/quiet-records.ts";
import type { AskedQuiet } from "./quiet.ts";

/**
 * Returns whether a request concerns the worker. A worker without a given name is called
 * `<machine>:<process id>`. A request that names only the machine concerns it, too, so that the
 * request survives a restart of the process.
 */
export function isWorkerMeant({ worker: asked }: Pick<QuietTarget, "worker">, worker: string): boolean {
  return asked === null || asked === worker || asked === worker.replace(/:\d+$/, "");
}

export function isQueueMeant({ queue: asked }: Pick<QuietTarget, "queue">, queue: string): boolean {
  return asked === null || asked === queue;
}

/** Returns those that were not lifted. */
export function inForce(requests: readonly QuietRequest[]): readonly QuietRequest[] {
  return requests.filter(({ lifted }) => lifted === null);
}

export function askedBy({ who: by, why, askedAtMs: atMs, untilMs, queue }: QuietRequest): AskedQuiet {
  return { by, why, atMs, untilMs, queue };
}

export function quietReason({ by, why, atMs, untilMs, queue }: AskedQuiet): string {
  const what = queue === null ? "" : ` for the queue ${queue}`;
  const until = untilMs === null ? "" : `, until ${instant(untilMs)}`;
  return `quiet${what}: ${by} asked for it at ${instant(atMs)}${until}${why === null ? "" : ` (${why})`}`;
}

/** Says why the quiet ended that `asked` began. `requests` holds those that were lifted lately. */
export function endReason(asked: AskedQuiet, requests: readonly QuietRequest[]): string {
  const { by, atMs, queue } = asked;
  const isIt = (one: QuietRequest) => one.who === by && one.askedAtMs === atMs && one.queue === queue;
  const lifted = requests.find(isIt)?.lifted ?? null;
  if (lifted !== null) return `${lifted.by} asked for it`;
  return `the time is over for which ${by} had asked for quiet`;
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
