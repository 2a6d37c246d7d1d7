// The lease that a delivery holds, from receive to confirmed delete. `core/lease/lease-keeper.ts`
// prolongs all leases of a queue.
//
// The lease is the ledger's. `lost` aborts when the worker's own clock shows that the lease is
// about to end, or when the ledger answers that another claim has it. The step's process group is
// then killed. That happens inside the margin, before another worker can claim. SQS visibility is a
// courtesy to the queue. Losing it (expired receipt, the 12 h cap) stops nothing, because a
// redelivery finds the row held.
import type { Clock } from "../clock.ts";
import type { Hold } from "../ledger/port.ts";
import type { Message } from "../queue/port.ts";
import type { Term } from "../runner/port.ts";

export interface LeaseSettings {
  /** How long a receive hides its message, and how long a claim lasts. */
  readonly leaseMs: number;
  /**
   * Time to kill a process group: from the end by the worker's own clock to the lease's real end.
   */
  readonly killMarginMs: number;
}

/** Its term says how long a process under the ledger lease may live. */
export interface Lease extends Term {
  readonly message: Message;
  /**
   * Aborts when the ledger lease is gone, or about to be. Processes under it must be dead before
   * the margin is over.
   */
  readonly lost: AbortSignal;
  /** Aborts when the receipt is no longer valid. SQS may deliver the message again. */
  readonly visibilityLost: AbortSignal;
  /**
   * The ledger granted or renewed a lease. `askedAtMs` is the monotonic time just before the
   * request.
   */
  granted(hold: Hold, askedAtMs: number): void;
  /**
   * Returns the monotonic time at which the worker's own clock gives the ledger lease up. `null`
   * means that there is none.
   */
  endsAtMs(): number | null;
  /**
   * The worker is about to settle or abandon the claim. A renewal that then finds the claim over
   * does not count as a loss.
   */
  closing(): void;
  /**
   * The claim is settled or abandoned, so the ledger lease is over for good. Visibility is still
   * prolonged.
   */
  unclaimed(): void;
  /**
   * Stops prolonging. Resolves once no extension is under way, so that a late one cannot overwrite
   * a release. Await it before you change the visibility for good, and after the delete.
   */
  end(): Promise<void>;
}

/** What a lease needs of its keeper. */
export interface Keeper {
  readonly clock: Pick<Clock, "monoMs">;
  readonly settings: LeaseSettings;
  /** The lease now ends at `endsAtMs`. */
  watch(endsAtMs: number): void;
  /** Forgets the lease. Resolves once no extension is under way. */
  letGo(lease: KeptLease): Promise<void>;
}

export class KeptLease implements Lease {
  readonly message: Message;
  /** Monotonic time just before the receive was answered. */
  readonly receivedAtMs: number;
  readonly loss = new AbortController();
  readonly visibilityLoss = new AbortController();
  readonly #keeper: Keeper;
  readonly #renewalListeners = new Set<() => void>();
  #hold: Hold | null = null;
  #endsAtMs: number | null = null;
  /** How far the delivery is with its claim: it may be granted, is being ended, or is over. */
  #claim: "open" | "closing" | "over" = "open";

  constructor(message: Message, receivedAtMs: number, keeper: Keeper) {
    this.message = message;
    this.receivedAtMs = receivedAtMs;
    this.#keeper = keeper;
  }

  get lost(): AbortSignal {
    return this.loss.signal;
  }

  get visibilityLost(): AbortSignal {
    return this.visibilityLoss.signal;
  }

  /** The claim to renew. `null` means that there is none. */
  get hold(): Hold | null {
    return this.#hold;
  }

  /**
   * Whether a claim that the ledger refuses to renew counts as lost. It does not once the delivery
   * is ending the claim.
   */
  get isOpen(): boolean {
    return this.#claim === "open";
  }

  granted(hold: Hold, askedAtMs: number): void {
    // A permit may answer when its process is long dead and the claim is over.
    if (this.#claim === "over") return;
    this.#hold = hold;
    const { leaseMs, killMarginMs } = this.#keeper.settings;
    // A renewal and a permit may answer out of order. The end by the ledger only moves forward.
    this.#endsAtMs = Math.max(askedAtMs + leaseMs - killMarginMs, this.#endsAtMs ?? Number.NEGATIVE_INFINITY);
    this.#keeper.watch(this.#endsAtMs);
    for (const listener of this.#renewalListeners) listener();
  }

  endsAtMs(): number | null {
    return this.#endsAtMs;
  }

  leftMs(): number {
    return this.#endsAtMs === null ? 0 : Math.max(0, this.#endsAtMs - this.#keeper.clock.monoMs());
  }

  onRenewed(listener: () => void): () => void {
    this.#renewalListeners.add(listener);
    return () => this.#renewalListeners.delete(listener);
  }

  closing(): void {
    this.#claim = "closing";
  }

  unclaimed(): void {
    this.#claim = "over";
    this.#hold = null;
    this.#endsAtMs = null;
  }

  async end(): Promise<void> {
    this.unclaimed();
    await this.#keeper.letGo(this);
  }
}
