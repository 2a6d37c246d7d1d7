// Quiet requests and reports in memory.
import type { QuietQueue, QuietRecords, QuietRequest, QuietTarget } from "../../../core/ledger/quiet-records.ts";

const MINUTE_MS = 60_000;

interface Reported {
  readonly queues: readonly QuietQueue[];
  readonly atMs: number;
}

export function memoryQuiet(nowMs: () => number): QuietRecords {
  const asked = new Map<string, QuietRequest>();
  const reported = new Map<string, Reported>();
  const keyOf = ({ worker, queue }: QuietTarget) => JSON.stringify([worker, queue]);
  const isInForce = ({ lifted, untilMs }: QuietRequest) =>
    lifted === null && (untilMs ?? Number.POSITIVE_INFINITY) > nowMs();
  return {
    ask: async ({ forMs, ...rest }) => {
      const askedAtMs = nowMs();
      const request = { ...rest, askedAtMs, untilMs: forMs === null ? null : askedAtMs + forMs, lifted: null };
      asked.set(keyOf(rest), request);
      return request;
    },
    lift: async (target, by) => {
      const atMs = nowMs();
      const request = asked.get(keyOf(target));
      if (request === undefined || !isInForce(request)) return false;
      asked.set(keyOf(target), { ...request, lifted: { by, atMs } });
      return true;
    },
    requests: async () => {
      const now = nowMs();
      const all = [...asked.values()].sort((a, b) => a.askedAtMs - b.askedAtMs);
      const lifted = all.filter((one) => one.lifted !== null && one.lifted.atMs > now - 10 * MINUTE_MS);
      return [...all.filter(isInForce), ...lifted];
    },
    report: async (worker, queues) => void reported.set(worker, { queues, atMs: nowMs() }),
    reports: async () => {
      const now = nowMs();
      return [...reported]
        .filter(([, { atMs }]) => atMs > now - MINUTE_MS)
        .flatMap(([worker, { queues, atMs }]) => queues.map((queue) => ({ ...queue, worker, agoMs: now - atMs })))
        .sort((a, b) => (`${a.worker} ${a.queue}` < `${b.worker} ${b.queue}` ? -1 : 1));
    },
  };
}
