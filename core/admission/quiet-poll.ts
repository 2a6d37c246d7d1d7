// Looks for quiet requests in the ledger now and then, and reports there how far a quiet worker is.
// During an outage the worker stays as it is.
import { jittered } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { describeError, Fault } from "../faults.ts";
import type { QuietQueue, QuietRecords } from "../ledger/quiet-records.ts";
import { unlessAborted } from "../on-abort.ts";
import type { Outages } from "../outages.ts";
import type { QuietSwitch } from "./quiet-switch.ts";

export interface LookPorts {
  /** A call that fails here closes no intake: deliveries notice an outage themselves. */
  readonly records: Pick<QuietRecords, "requests" | "report">;
  readonly clock: Pick<Clock, "sleep">;
  readonly outages: Outages;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
  readonly quiet: Pick<QuietSwitch, "hear">;
  /** The queues that take no steps now because an operator asked. */
  readonly quietQueues: () => readonly QuietQueue[];
}

export interface LookSettings {
  readonly worker: string;
  /** Time between two looks, on average. */
  readonly intervalMs: number;
}

/** How the log names it. */
const CALL = "reading quiet requests";

export class QuietLook {
  readonly #ports: LookPorts;
  readonly #settings: LookSettings;
  #reported = false;

  constructor(ports: LookPorts, settings: LookSettings) {
    this.#ports = ports;
    this.#settings = settings;
  }

  /** Looks until `stopped` aborts. Workers that were started together do not look together. */
  async run(stopped: AbortSignal): Promise<void> {
    const { clock, chance } = this.#ports;
    while (!stopped.aborted) {
      await clock.sleep(jittered(this.#settings.intervalMs, "around", chance()), stopped);
      if (!stopped.aborted) await this.#once();
    }
  }

  /**
   * Looks once. Call it before the first receive, so that a restarted worker takes no steps of a
   * quiet queue. A stop ends the wait.
   */
  async first(stopped: AbortSignal): Promise<void> {
    await unlessAborted(stopped, this.#once());
  }

  /** Rejects only for a bug. */
  async #once(): Promise<void> {
    const { records, outages, quiet } = this.#ports;
    try {
      quiet.hear(await records.requests());
      await this.#report();
      outages.worked(CALL);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const message = `could not read quiet requests; this worker stays quiet or takes steps as before: ${describeError(error)}`;
      outages.failed(CALL, error, { event: "quiet.unread", level: "warn", message });
    }
  }

  /** Reports the quiet queues. A worker that is not quiet writes nothing. */
  async #report(): Promise<void> {
    const queues = this.#ports.quietQueues();
    if (queues.length === 0 && !this.#reported) return;
    await this.#ports.records.report(this.#settings.worker, queues);
    this.#reported = queues.length > 0;
  }
}
