// Cut receives in memory.
import { type CutReceive, type CutReceives, REPEATABLE_MS } from "../../../core/ledger/cut-receives.ts";

interface Left extends CutReceive {
  readonly endsAtMs: number;
  takenUntilMs: number;
}

export function memoryCutReceives(nowMs: () => number): CutReceives {
  const left = new Map<string, Left>();
  return {
    leave: async (receives) => {
      const now = nowMs();
      for (const { leftMs, ...receive } of receives) {
        if (!left.has(receive.attemptId))
          left.set(receive.attemptId, { ...receive, endsAtMs: now + leftMs, takenUntilMs: 0 });
      }
    },
    take: async (queueUrls, forMs) => {
      const now = nowMs();
      for (const { attemptId, endsAtMs } of [...left.values()]) {
        if (endsAtMs + REPEATABLE_MS <= now) left.delete(attemptId);
      }
      const taken = [...left.values()].filter(
        ({ queueUrl, endsAtMs, takenUntilMs }) =>
          queueUrls.includes(queueUrl) && Math.max(endsAtMs, takenUntilMs) <= now,
      );
      for (const receive of taken) receive.takenUntilMs = now + forMs;
      return taken.map(({ attemptId, queueUrl, max }) => ({ attemptId, queueUrl, max }));
    },
    forget: async (attemptIds) => {
      nowMs();
      for (const attemptId of attemptIds) left.delete(attemptId);
    },
  };
}
