// Turns log events into measurements, so that a log and a dashboard cannot disagree.
import type { EventName } from "../events/events.ts";
import type { Observation, Observe } from "../observe.ts";
import { queueNameOf } from "../queue/queue-place.ts";
import type { Meter } from "./port.ts";

export interface EventMetricsOptions {
  /** Name or URL of the queue of events that name none: the worker's only one. */
  readonly queue: string;
  /** The jobs that may be a label. The label of others, and of steps without a job, is empty. */
  readonly jobs: ReadonlySet<string>;
}

type Measures = { readonly [E in EventName]?: (seen: Observation<E>, queue: string) => void };

const PARTS = [
  ["claim", "claimMs"],
  ["start", "startMs"],
  ["settle", "settleMs"],
  ["delete", "deleteMs"],
] as const;

export function measureEvents(meter: Meter, { queue: only, jobs }: EventMetricsOptions): Observe {
  const measures: Measures = { ...measuresOfSteps(meter, jobs), ...measuresOfDeliveries(meter), ...circuit(meter) };
  return (seen) => {
    // Each entry takes the observation of its own name.
    const measure = measures[seen.event] as ((seen: Observation, queue: string) => void) | undefined;
    measure?.(seen, queueNameOf(seen.queue ?? only));
  };
}

function measuresOfSteps(meter: Meter, jobs: ReadonlySet<string>): Measures {
  const listed = (job: string | undefined) => (job !== undefined && jobs.has(job) ? job : "");
  return {
    "step.claimed": ({ starts, receiveCount, queuedMs, takenOver }, queue) => {
      const isFirst = starts === 1 && receiveCount === 1;
      if (isFirst && queuedMs !== null) meter.record("taskiq.step.wait", queuedMs / 1_000, { queue });
      if (takenOver) meter.count("taskiq.step.takeovers", { queue });
    },
    "step.ended": ({ wrote, state: outcome, ranMs, job }, queue) => {
      if (wrote) meter.record("taskiq.step.run", ranMs / 1_000, { queue, outcome, job: listed(job) });
    },
    "step.settled": ({ answer, state: outcome, job }, queue) => {
      if (answer === "recorded") meter.count("taskiq.steps", { queue, outcome, job: listed(job) });
    },
    "step.fault": ({ scope }, queue) => meter.count("taskiq.step.faults", { queue, scope }),
    "step.over_limit": ({ limit }, queue) => meter.count("taskiq.step.limits", { queue, limit }),
    "step.requeued": (_, queue) => meter.count("taskiq.step.requeues", { queue }),
    "lease.lost": (_, queue) => meter.count("taskiq.leases.lost", { queue }),
  };
}

function measuresOfDeliveries(meter: Meter): Measures {
  const bug = () => meter.count("taskiq.bugs", {});
  return {
    "dead_letter.buried": ({ reason }, queue) => meter.count("taskiq.dead_letters", { queue, reason }),
    "delivery.done": (seen, queue) => {
      const { disposition, receiveCount = 1 } = seen;
      meter.count("taskiq.deliveries", { queue, disposition });
      if (disposition === "acked") meter.record("taskiq.delivery.receives", receiveCount, { queue });
      for (const [part, field] of PARTS) {
        const ms = seen[field];
        if (ms !== undefined) meter.record("taskiq.step.overhead", ms / 1_000, { part });
      }
    },
    "delivery.bug": bug,
    "endpoint.bug": bug,
  };
}

const CAUSES = ["queue", "ledger", "instance", "location", "host"] as const;

function circuit(meter: Meter): Measures {
  const causes = new Map<string, readonly string[]>();
  meter.gauge("taskiq.circuit.open", () => {
    const open = new Set([...causes.values()].flat());
    return CAUSES.map((cause) => ({ value: open.has(cause) ? 1 : 0, labels: { cause } }));
  });
  return {
    "intake.closed": (seen, queue) => causes.set(queue, seen.causes.split(" ")),
    "intake.open": (_, queue) => causes.delete(queue),
  };
}
