// The keeper prolongs the visibility of every delivery of a queue, and the ledger lease of every
// claim, in batches, from receive to confirmed delete.
import type { Clock } from "../clock.ts";
import { describeError } from "../faults.ts";
import { counted } from "../formats/counted.ts";
import type { Ledger } from "../ledger/port.ts";
import type { Observe } from "../observe.ts";
import type { Outages } from "../outages.ts";
import type { Extension, Message, Queue } from "../queue/port.ts";
import { type Keeper, KeptLease, type Lease, type LeaseSettings } from "./lease.ts";
import { fieldsOfBody } from "./message-fields.ts";

/**
 * SQS hides a message for at most 12 hours after a receive. ChangeMessageVisibility refuses a
 * longer time and does not shorten it.
 */
const VISIBILITY_CAP_MS = 12 * 60 * 60 * 1000;
const CAP_MARGIN_MS = 60_000;
/**
 * Failed renewals are tried again soon, because nothing but the lease's remaining time is left for
 * them.
 */
const RETRY_MS = 1_000;
/**
 * What part of a lease passes between two renewals at most. SQS charges for each extension. The
 * ledger is asked more often: then a lease outlives an outage of more than half its length.
 */
const EXTENSION_PART = 1 / 3;
const RENEWAL_PART = 1 / 4;

interface Ports {
  readonly queue: Pick<Queue, "extend">;
  readonly ledger: Pick<Ledger, "renew">;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly outages: Outages;
  readonly chance: () => number;
}

export class LeaseKeeper implements Keeper {
  readonly #ports: Ports;
  readonly clock: Clock;
  readonly settings: LeaseSettings;
  readonly #held = new Set<KeptLease>();
  readonly #stopped = new AbortController();
  /**
   * Aborted when a lease ends before the watch would look at deadlines again, and replaced when it
   * has looked.
   */
  #changed = new AbortController();
  #wakesAtMs = Number.POSITIVE_INFINITY;
  #loops: Promise<unknown> | null = null;
  #extending: Promise<boolean> = Promise.resolve(true);

  constructor(ports: Ports, settings: LeaseSettings) {
    this.#ports = ports;
    this.clock = ports.clock;
    this.settings = settings;
  }

  /** Prolongs until `stop`. Rejects only for a bug. */
  async start(): Promise<void> {
    const extend = () => {
      this.#extending = this.#extendVisibility();
      return this.#extending;
    };
    this.#loops ??= Promise.all([
      this.#keepProlonging(EXTENSION_PART, extend),
      this.#keepProlonging(RENEWAL_PART, () => this.#renewLeases()),
      this.#watchDeadlines(),
    ]);
    await this.#loops;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#changed.abort();
    await Promise.allSettled([this.#loops]);
  }

  /**
   * Prolongs a received message from now on. `receivedAtMs` is the monotonic time just before the
   * receive was answered.
   */
  hold(message: Message, receivedAtMs: number): Lease {
    const lease = new KeptLease(message, receivedAtMs, this);
    this.#held.add(lease);
    return lease;
  }

  watch(endsAtMs: number): void {
    if (endsAtMs < this.#wakesAtMs) this.#changed.abort("a lease that ends sooner");
  }

  async letGo(lease: KeptLease): Promise<void> {
    this.#held.delete(lease);
    await this.#extending;
  }

  /**
   * Calls `prolong` again and again. It prolongs all deliveries at once, and resolves with whether
   * all went well. Each tick waits for the one before, so a slow call delays the next and never
   * overlaps it. Queue and ledger have a loop each, so that one that hangs costs the other nothing.
   */
  async #keepProlonging(part: number, prolong: () => Promise<boolean>): Promise<void> {
    const { chance } = this.#ports;
    const stopped = this.#stopped.signal;
    let failed = false;
    while (!stopped.aborted) {
      const longestMs = this.settings.leaseMs * part;
      await this.clock.sleep(failed ? Math.min(RETRY_MS, longestMs) : longestMs * (0.8 + 0.2 * chance()), stopped);
      if (stopped.aborted) return;
      failed = !(await prolong());
    }
  }

  /** Resolves with false if an extension should be tried again soon. */
  async #extendVisibility(): Promise<boolean> {
    const due = [...this.#held].filter((lease) => !lease.visibilityLost.aborted);
    const entries = due.map((lease) => this.#extensionOf(lease));
    for (const [i, lease] of due.entries()) if (entries[i] === null) this.#loseVisibility(lease, "12 h cap");
    const open = due.filter((_, i) => entries[i] !== null);
    const extensions = entries.filter((entry) => entry !== null);
    if (extensions.length === 0) return true;
    try {
      const results = await this.#ports.queue.extend(extensions);
      this.#ports.outages.worked("ChangeMessageVisibility");
      for (const [i, lease] of open.entries()) {
        // The receipt of an ended lease is gone as expected: its message was just deleted or
        // released.
        if (results[i] === "gone" && this.#held.has(lease)) this.#loseVisibility(lease, "receipt expired");
      }
      return !results.includes("failed");
    } catch (error) {
      this.#observeFailure("ChangeMessageVisibility", error, "visibility");
      return false;
    }
  }

  /** Returns `null` for a message that SQS would not hide any longer. */
  #extensionOf(lease: KeptLease): Extension | null {
    const left = VISIBILITY_CAP_MS - CAP_MARGIN_MS - (this.clock.monoMs() - lease.receivedAtMs);
    if (left < this.settings.leaseMs / 3) return null;
    return { receipt: lease.message.receipt, visibilityMs: Math.min(this.settings.leaseMs, left) };
  }

  async #renewLeases(): Promise<boolean> {
    const due = [...this.#held].flatMap((lease) => (lease.hold === null ? [] : [{ lease, hold: lease.hold }]));
    if (due.length === 0) return true;
    const askedAtMs = this.clock.monoMs();
    try {
      const holds = due.map(({ hold }) => hold);
      const results = await this.#ports.ledger.renew(holds, this.settings.leaseMs);
      this.#ports.outages.worked("the ledger");
      for (const [i, { lease, hold }] of due.entries()) {
        if (lease.hold !== hold) continue; // settled, abandoned or permitted meanwhile
        if (results[i] === true) lease.granted(hold, askedAtMs);
        else if (lease.isOpen) this.#lose(lease, "the ledger gave it to another claim");
      }
      return true;
    } catch (error) {
      this.#observeFailure("the ledger", error, "ledger");
      return false;
    }
  }

  async #watchDeadlines(): Promise<void> {
    const { clock } = this;
    while (!this.#stopped.signal.aborted) {
      this.#changed = new AbortController();
      const now = clock.monoMs();
      let next = Number.POSITIVE_INFINITY;
      for (const lease of this.#held) {
        const endsAtMs = lease.endsAtMs();
        if (endsAtMs === null) continue;
        if (endsAtMs <= now) this.#lose(lease, "it could not be renewed in time");
        else next = Math.min(next, endsAtMs);
      }
      // Renewals push deadlines back, so a wake-up may find nothing due. That is cheaper than a
      // timer for each lease. The watch never sleeps for long: timers stand still while a machine
      // is suspended, and the lease does not.
      const longestMs = Number.isFinite(next) ? this.settings.killMarginMs : this.settings.leaseMs;
      this.#wakesAtMs = Math.min(next, now + longestMs);
      await clock.sleep(this.#wakesAtMs - now, this.#changed.signal);
    }
  }

  #lose(lease: KeptLease, why: string): void {
    // The answer of the ledger says what becomes of a claim that is being ended.
    if (lease.isOpen) {
      this.#ports.observe({
        event: "lease.lost",
        level: "error",
        message: `lease lost: ${why}`,
        ...fieldsOfBody(lease.message),
        why,
      });
    }
    lease.unclaimed();
    lease.loss.abort();
  }

  #loseVisibility(lease: KeptLease, why: string): void {
    const message = `message may be delivered again (${why}); its step goes on under the ledger's lease`;
    this.#ports.observe({
      event: "lease.visibility_lost",
      level: "warn",
      message,
      ...fieldsOfBody(lease.message),
      why,
    });
    lease.visibilityLoss.abort();
  }

  #observeFailure(call: string, error: unknown, what: "visibility" | "ledger"): void {
    const message = `could not renew ${counted(this.#held.size, "lease")} (${what}): ${describeError(error)}`;
    this.#ports.outages.failed(call, error, { event: "lease.renew_failed", level: "warn", message, what });
  }
}
