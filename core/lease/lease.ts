// Leases: one keeper prolongs every delivery's visibility and every claim's ledger lease, batched, from receive to confirmed delete.
//
// The lease is the ledger's. When our own clock says that it is about to end, or the ledger says that it is another's, `lost` fires and the
// step's process group is killed, inside the margin, before anyone else can claim. Visibility follows as a courtesy to the
// queue: losing it (expired handle, the 12 h cap) stops nothing, because a redelivery finds the row held.
import type { Clock } from "../clock.ts";
import { describeError } from "../faults.ts";
import type { Hold, Ledger } from "../ledger/port.ts";
import type { Observe } from "../observe.ts";
import type { Outages } from "../outages.ts";
import type { Extension, Message, Queue } from "../queue/port.ts";
import type { Term } from "../runner/port.ts";
import { LeaseTerm } from "./term.ts";

export interface LeaseSettings {
  /** How long a receive hides its message, and how long a claim lasts. */
  readonly leaseMs: number;
  /** Between "our clock says it ends" and the lease's real end: time to kill a process group. */
  readonly killMarginMs: number;
}

export interface Lease {
  readonly message: Message;
  /** The ledger lease is gone, or about to be: whoever runs under it must be dead before the margin is over. */
  readonly lost: AbortSignal;
  /** The receipt is no good any more; the message may be delivered again. */
  readonly visibilityLost: AbortSignal;
  /** For what runs under the ledger lease. */
  readonly term: Term;
  /** The ledger granted or renewed a lease; `askedAtMs` is the monotonic time just before it was asked. */
  granted(hold: Hold, askedAtMs: number): void;
  /** Monotonic time at which our own clock gives the ledger lease up; null when there is none. */
  endsAtMs(): number | null;
  /** The ledger is about to be told the claim's end: a renewal that crosses with it and finds the claim over is no loss. */
  closing(): void;
  /** The ledger lease has ended by settling or abandoning, for good; visibility is still prolonged. */
  unclaimed(): void;
  /**
   * Nothing is prolonged any more. Resolves once no extension is under way, so that a late one cannot overwrite a release:
   * await it before the visibility is changed for good, and after the delete.
   */
  end(): Promise<void>;
}

/** SQS hides a message for at most 12 hours after a receive and refuses (does not clamp) what goes beyond (ChangeMessageVisibility). */
const VISIBILITY_CAP_MS = 12 * 60 * 60 * 1000;
const CAP_MARGIN_MS = 60_000;
/** Failed renewals are tried again soon: the lease's remaining time is all there is. */
const RETRY_MS = 1_000;

interface Held extends Lease {
  readonly receivedAtMs: number;
  readonly loss: AbortController;
  readonly visibilityLoss: AbortController;
  hold: Hold | null;
  endsAt: number | null;
  /** A claim's way through a delivery: it is granted, then being ended, then over. */
  claim: "open" | "closing" | "over";
}

interface Ports {
  readonly queue: Pick<Queue, "extend">;
  readonly ledger: Pick<Ledger, "renew">;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly outages: Outages;
  readonly chance: () => number;
}

export class LeaseKeeper {
  readonly #ports: Ports;
  readonly #settings: LeaseSettings;
  readonly #held = new Set<Held>();
  readonly #stopped = new AbortController();
  /** Aborted and replaced when a lease ends before the watch would look at deadlines anew. */
  #changed = new AbortController();
  #wakesAtMs = Number.POSITIVE_INFINITY;
  #loops: Promise<unknown> | null = null;
  #extending: Promise<boolean> = Promise.resolve(true);

  constructor(ports: Ports, settings: LeaseSettings) {
    this.#ports = ports;
    this.#settings = settings;
  }

  /** Prolongs until `stop`. Rejects only for a bug. */
  async start(): Promise<void> {
    const extend = () => {
      this.#extending = this.#extendVisibility();
      return this.#extending;
    };
    this.#loops ??= Promise.all([
      this.#keepProlonging(extend),
      this.#keepProlonging(() => this.#renewLeases()),
      this.#watchDeadlines(),
    ]);
    await this.#loops;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#changed.abort();
    await Promise.allSettled([this.#loops]);
  }

  /** Takes charge of a received message; `receivedAtMs` is the monotonic time just before the receive was answered. */
  hold(message: Message, receivedAtMs: number): Lease {
    const held = this.#makeHeld(message, receivedAtMs);
    this.#held.add(held);
    return held;
  }

  #makeHeld(message: Message, receivedAtMs: number): Held {
    const loss = new AbortController();
    const visibilityLoss = new AbortController();
    const term = new LeaseTerm(this.#ports.clock, () => held.endsAt);
    const held: Held = {
      message,
      receivedAtMs,
      loss,
      visibilityLoss,
      lost: loss.signal,
      visibilityLost: visibilityLoss.signal,
      term,
      hold: null,
      endsAt: null,
      claim: "open",
      granted: (hold, askedAtMs) => {
        // A permit may answer when its process is long dead and the claim is over.
        if (held.claim === "over") return;
        held.hold = hold;
        // A renewal and a permit may answer out of order; the ledger's own end only moves forward.
        const endsAt = askedAtMs + this.#settings.leaseMs - this.#settings.killMarginMs;
        held.endsAt = Math.max(endsAt, held.endsAt ?? endsAt);
        if (held.endsAt < this.#wakesAtMs) this.#changed.abort("a lease that ends sooner");
        term.renewed();
      },
      endsAtMs: () => held.endsAt,
      closing: () => {
        held.claim = "closing";
      },
      unclaimed: () => {
        held.claim = "over";
        held.hold = null;
        held.endsAt = null;
      },
      end: async () => {
        held.unclaimed();
        this.#held.delete(held);
        await this.#extending;
      },
    };
    return held;
  }

  /**
   * For all deliveries at once; `prolong` answers whether all went well. Ticks are chained, not timed: a slow call delays the next one
   * instead of overlapping it. Queue and ledger have a loop each, or one that hangs would cost the other's time.
   */
  async #keepProlonging(prolong: () => Promise<boolean>): Promise<void> {
    const { clock, chance } = this.#ports;
    const stopped = this.#stopped.signal;
    let failed = false;
    while (!stopped.aborted) {
      const third = this.#settings.leaseMs / 3;
      await clock.sleep(failed ? Math.min(RETRY_MS, third) : third * (0.8 + 0.2 * chance()), stopped);
      if (stopped.aborted) return;
      failed = !(await prolong());
    }
  }

  /** True when nothing needs to be tried again soon. */
  async #extendVisibility(): Promise<boolean> {
    const due = [...this.#held].filter((held) => !held.visibilityLost.aborted);
    const entries = due.map((held) => this.#extensionOf(held));
    for (const [i, held] of due.entries()) if (entries[i] === null) this.#loseVisibility(held, "12 h cap");
    const open = due.filter((_, i) => entries[i] !== null);
    const extensions = entries.filter((entry) => entry !== null);
    if (extensions.length === 0) return true;
    try {
      const results = await this.#ports.queue.extend(extensions);
      this.#ports.outages.worked("ChangeMessageVisibility");
      for (const [i, held] of open.entries()) {
        // An ended lease's receipt is expected to be gone: its message was just deleted or released.
        if (results[i] === "gone" && this.#held.has(held)) this.#loseVisibility(held, "receipt expired");
      }
      return !results.includes("failed");
    } catch (error) {
      this.#observeFailure("ChangeMessageVisibility", error, "visibility");
      return false;
    }
  }

  #extensionOf(held: Held): Extension | null {
    const left = VISIBILITY_CAP_MS - CAP_MARGIN_MS - (this.#ports.clock.monoMs() - held.receivedAtMs);
    if (left < this.#settings.leaseMs / 3) return null;
    return { receipt: held.message.receipt, visibilityMs: Math.min(this.#settings.leaseMs, left) };
  }

  async #renewLeases(): Promise<boolean> {
    const due = [...this.#held].flatMap((held) => (held.hold === null ? [] : [{ held, hold: held.hold }]));
    if (due.length === 0) return true;
    const askedAtMs = this.#ports.clock.monoMs();
    try {
      const holds = due.map(({ hold }) => hold);
      const results = await this.#ports.ledger.renew(holds, this.#settings.leaseMs);
      this.#ports.outages.worked("the ledger");
      for (const [i, { held, hold }] of due.entries()) {
        if (held.hold !== hold) continue; // settled, abandoned or permitted meanwhile
        if (results[i] === true) held.granted(hold, askedAtMs);
        else if (held.claim === "open") this.#lose(held, "the ledger gave it to another claim");
      }
      return true;
    } catch (error) {
      this.#observeFailure("the ledger", error, "ledger");
      return false;
    }
  }

  async #watchDeadlines(): Promise<void> {
    const { clock } = this.#ports;
    while (!this.#stopped.signal.aborted) {
      this.#changed = new AbortController();
      const now = clock.monoMs();
      let next = Number.POSITIVE_INFINITY;
      for (const held of this.#held) {
        if (held.endsAt === null) continue;
        if (held.endsAt <= now) this.#lose(held, "it could not be renewed in time");
        else next = Math.min(next, held.endsAt);
      }
      // Renewals push deadlines back, so a wake-up may find nothing due; that is cheaper than a timer for each lease. Nor may it sleep
      // for long: timers stand still while a machine is suspended, and the lease does not.
      const longestMs = Number.isFinite(next) ? this.#settings.killMarginMs : this.#settings.leaseMs;
      this.#wakesAtMs = Math.min(next, now + longestMs);
      await clock.sleep(this.#wakesAtMs - now, this.#changed.signal);
    }
  }

  #lose(held: Held, why: string): void {
    const about = { messageId: held.message.id, ...(held.hold === null ? {} : { key: held.hold.key }) };
    held.unclaimed();
    this.#ports.observe({ event: "lease.lost", level: "error", message: `lease lost: ${why}`, ...about, why });
    held.loss.abort();
  }

  #loseVisibility(held: Held, why: string): void {
    const message = `message may be delivered again (${why}); its step goes on under the ledger's lease`;
    this.#ports.observe({ event: "lease.visibility_lost", level: "warn", message, messageId: held.message.id, why });
    held.visibilityLoss.abort();
  }

  #observeFailure(call: string, error: unknown, what: "visibility" | "ledger"): void {
    const message = `could not renew ${this.#held.size} lease(s) (${what}): ${describeError(error)}`;
    this.#ports.outages.failed(call, error, { event: "lease.renew_failed", level: "warn", message, what });
  }
}
