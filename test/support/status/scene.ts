// The facts of a worker in the middle of its work, and a health server that shows them.
import { systemClock } from "../../../core/clock.ts";
import { noOutcomes } from "../../../core/delivery/outcome-counts.ts";
import { startHealthServer } from "../../../core/endpoints/health-server.ts";
import type { StatusAccess } from "../../../core/endpoints/status-pages.ts";
import { type StatusFacts, statusDocument } from "../../../core/status/document.ts";
import type { ClaimedStep } from "../../../core/status/recent-steps.ts";
import { Series } from "../../../core/status/series.ts";

export const NOW_MS = Date.UTC(2026, 10, 30, 12);

export const claimed: ClaimedStep = {
  runId: "8a3f5d0e-6b7c-4f0e-9b1d-2f4c1f0f9a11",
  stepKey: "load_orders",
  attempt: 0,
  job: "nightly",
  queue: "steps.fifo",
  starts: 1,
  claimedAtMs: NOW_MS - 83_000,
  waitedMs: 1_250,
  pid: 4_711,
};

/** The facts of a quiet afternoon, and what a test changes in them. */
export function statusFacts(changed: Partial<StatusFacts> = {}): StatusFacts {
  const snapshot = {
    busy: 1,
    slots: 4,
    stopping: false,
    quiet: null,
    underWay: 1,
    idle: false,
    received: 12,
    ended: { acked: 11, buried: 0, released: 0, lost: 0 },
    outcomes: { ...noOutcomes(), success: 11 },
    closedBecause: null,
    broken: null,
    pollingSinceMs: null,
    lastTurnAtMs: 0,
    queues: [],
  };
  const queue = { name: "steps.fifo", busy: 1, most: 4, received: 12, receiving: true, failing: null, quiet: [] };
  return {
    worker: "worker-1",
    version: "0.1.0",
    pid: 7,
    nowMs: NOW_MS,
    uptimeMs: 3_600_000,
    started: true,
    snapshot,
    intake: { outages: [], queues: [queue] },
    running: [{ ...claimed, runningMs: 83_000 }],
    ended: [],
    series: new Series().read(0),
    host: { dagster: "1.13.27", dagsterTaskiq: "0.1.0", supported: null },
    advice: [],
    ...changed,
  };
}

/**
 * Serves the facts that `facts` returns at each request, on a free port of this machine. Health
 * follows from them.
 */
export async function serveStatus(facts: () => StatusFacts, access: StatusAccess | null = "local") {
  return await startHealthServer({
    host: "127.0.0.1",
    port: 0,
    worker: "worker-1",
    clock: systemClock,
    observe: () => undefined,
    metrics: async () => "",
    status: access === null ? null : { access, document: (health) => statusDocument(facts(), health) },
    facts: () => {
      const { snapshot, started } = facts();
      const lastTurnAtMs = systemClock.monoMs();
      return { ...snapshot, started, lastTurnAtMs, waitMs: 20_000, readyWithinMs: null };
    },
  });
}
