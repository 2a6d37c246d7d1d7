// A drain: watches a worker until the queues it takes steps from are proven empty. The worker
// works as always. Only its end is decided here.
import type { Clock } from "../clock.ts";
import { describeError, Fault } from "../faults.ts";
import type { Observe } from "../observe.ts";
import type { Queue, QueueDepth } from "../queue/port.ts";
import type { WorkerSnapshot } from "../worker/snapshot.ts";
import { isProven, type Seen, type Spell, see } from "./emptiness.ts";

export interface DrainPorts {
  readonly clock: Clock;
  readonly observe: Observe;
  snapshot(): WorkerSnapshot;
  /**
   * Called at every look with the approximate count that is `left`. `elsewhere` counts the messages
   * in flight that are not this worker's. It leaves out those that this worker had when SQS
   * counted, which may be a minute ago.
   */
  progress(snapshot: WorkerSnapshot, left: QueueDepth, elsewhere: number): void;
}

export interface DrainSettings {
  /**
   * How long nothing may speak against the queues' being empty; SQS's counts settle within a
   * minute.
   */
  readonly settleMs: number;
  /** Null: as long as it takes. */
  readonly maxMs: number | null;
}

export interface DrainEnd {
  readonly how: "empty" | "max_time" | "stopped";
  /** As last counted, approximately. */
  readonly left: QueueDepth;
}

const LOOK_MS = 2_000;
const LOOKS_PER_SETTLE = 4;
/** SQS's counts settle within a minute. */
const COUNTS_SETTLE_MS = 60_000;
const nothing: QueueDepth = { visible: 0, inFlight: 0, delayed: 0 };

interface Watched {
  readonly queue: Queue;
  spell: Spell;
  depth: QueueDepth;
}

export class Drain {
  readonly #clock: Clock;
  readonly #watched: Watched[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The queue as the worker is to have it: every receive is seen. */
  readonly watch = (queue: Queue): Queue => {
    const watched: Watched = { queue, spell: null, depth: nothing };
    this.#watched.push(watched);
    return {
      fifo: queue.fifo,
      describe: () => queue.describe(),
      receive: async (options) => {
        const beganMs = this.#clock.monoMs();
        try {
          const messages = await queue.receive(options);
          // Only a long poll asks every server of the queue (developer guide, "short and long
          // polling").
          const counts = options.waitMs > 0 || messages.length > 0;
          if (counts) note(watched, { is: "polled", beganMs, received: messages.length });
          return messages;
        } catch (error) {
          note(watched, { is: "unknown" });
          throw error;
        }
      },
      extend: (extensions) => queue.extend(extensions),
      ack: (receipts) => queue.ack(receipts),
      bury: (...burial) => queue.bury(...burial),
      depth: () => queue.depth(),
      deadLetters: () => queue.deadLetters(),
      close: () => queue.close(),
    };
  };

  /**
   * Resolves when the queues are proven empty, the time is over, or `stopped` aborts. Rejects with
   * a `Fault` when they cannot be counted at all.
   */
  async run(ports: DrainPorts, { settleMs, maxMs }: DrainSettings, stopped: AbortSignal): Promise<DrainEnd> {
    const { clock } = ports;
    const untilMs = maxMs === null ? Number.POSITIVE_INFINITY : clock.monoMs() + maxMs;
    const lookMs = Math.min(LOOK_MS, settleMs / LOOKS_PER_SETTLE);
    for (const watched of this.#watched) watched.depth = await watched.queue.depth();
    const own: { readonly atMs: number; readonly count: number }[] = [];
    while (!stopped.aborted) {
      await Promise.all(this.#watched.map((watched) => count(watched, ports)));
      const snapshot = ports.snapshot();
      own.push({ atMs: clock.monoMs(), count: snapshot.underWay });
      while ((own[0]?.atMs ?? Number.POSITIVE_INFINITY) < clock.monoMs() - COUNTS_SETTLE_MS) own.shift();
      const left = this.#left();
      const elsewhere = Math.max(0, left.inFlight - Math.max(...own.map(({ count: held }) => held)));
      if (snapshot.underWay > 0) for (const watched of this.#watched) note(watched, { is: "unknown" });
      ports.progress(snapshot, left, elsewhere);
      if (this.#watched.every(({ spell }) => isProven(spell, settleMs))) return { how: "empty", left: this.#left() };
      if (clock.monoMs() >= untilMs) return { how: "max_time", left: this.#left() };
      await clock.sleep(Math.min(lookMs, untilMs - clock.monoMs()), stopped);
    }
    return { how: "stopped", left: this.#left() };
  }

  #left(): QueueDepth {
    const sum = (of: (depth: QueueDepth) => number) => this.#watched.reduce((all, { depth }) => all + of(depth), 0);
    return {
      visible: sum(({ visible }) => visible),
      inFlight: sum(({ inFlight }) => inFlight),
      delayed: sum(({ delayed }) => delayed),
    };
  }
}

async function count(watched: Watched, { clock, observe }: DrainPorts): Promise<void> {
  const atMs = clock.monoMs();
  try {
    watched.depth = await watched.queue.depth();
    note(watched, { is: "counted", atMs, ...watched.depth });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    note(watched, { is: "unknown" });
    observe({ event: "drain.count_failed", level: "warn", message: `could not count: ${describeError(error)}` });
  }
}

function note(watched: Watched, seen: Seen): void {
  watched.spell = see(watched.spell, seen);
}
