// A worker with everything but a step host.
import { Bugs } from "../../core/bugs.ts";
import { systemClock } from "../../core/clock.ts";
import { defaultPolicy } from "../../core/delivery/policy.ts";
import type { Ledger } from "../../core/ledger/port.ts";
import { openPostgresLedger } from "../../core/ledger/postgres/postgres.ts";
import { openSqliteLedger } from "../../core/ledger/sqlite/sqlite.ts";
import { openSqsQueue } from "../../core/queue/sqs/sqs.ts";
import { Worker } from "../../core/worker/worker.ts";
import { LOCAL_CREDENTIALS, LOCAL_REGION } from "../../test/support/sqs/local-sqs.ts";
import type { Job } from "./job.ts";
import { NoopRunner } from "./noop-runner.ts";

const time = { clock: systemClock, chance: Math.random };

/** Resolves when it takes messages; the answer stops it. */
export async function startTaskiq(job: Job, ended: () => void): Promise<() => Promise<void>> {
  const { endpoint, queueUrl, concurrency } = job;
  const queue = openSqsQueue({
    queue: { url: queueUrl },
    deadLetter: null,
    observe: () => undefined,
    clock: systemClock,
    endpoint,
    region: LOCAL_REGION,
    credentials: LOCAL_CREDENTIALS,
  });
  const ledger = await openLedger(job.ledger ?? "");
  const observe = ({ event }: { readonly event: string }) => {
    if (event === "delivery.done") ended();
  };
  const queues = [{ queue, name: "steps", weight: null, most: null }];
  const ports = { queues, ledger, runner: new NoopRunner(), observe, bugs: new Bugs(console.error), ...time };
  const timing = { leaseMs: 60_000, waitMs: 1_000, sweepMs: null, quietMs: null, pruneMs: null };
  const worker = new Worker(ports, { worker: "bench", concurrency, policy: defaultPolicy, ...timing });
  const running = worker.run();
  return async () => {
    worker.stop(1_000);
    await running;
    await ledger.close();
    await queue.close();
  };
}

function openLedger(url: string): Promise<Ledger> {
  if (url.startsWith("sqlite:")) {
    return openSqliteLedger({ path: url.slice("sqlite:".length), clock: systemClock, writeBoundMs: 5_000 });
  }
  const { hostname: host, port, username: user, pathname } = new URL(url);
  const target = { host, port: Number(port), user, password: "", database: pathname.slice(1) };
  const options = { writeBoundMs: 5_000, answerMs: 5_000, applicationName: "taskiq bench", ...time };
  return openPostgresLedger({
    target: { ...target, sslMode: "disable", caFile: null, passFile: null, pooler: false },
    ...options,
  });
}
