// A queue that hands out what it is given, records what is done with it, and fails where a test
// wants it to.
import type { Clock } from "../../../core/clock.ts";
import type {
  DeadLetterQueue,
  DeadLetterReason,
  EntryResult,
  Extension,
  Message,
  Queue,
  QueueDepth,
  QueueFacts,
  ReceiveOptions,
} from "../../../core/queue/port.ts";

/**
 * What was asked, when (monotonic), in one line each: `extend m1#1 60000`, `ack m1#1`, `bury m1
 * malformed`.
 */
export type Journal = (line: string) => void;

export class FakeQueue implements Queue {
  readonly fifo: boolean;
  readonly extended: { readonly atMs: number; readonly extensions: readonly Extension[] }[] = [];
  readonly acked: string[] = [];
  readonly buried: {
    readonly message: Message;
    readonly reason: DeadLetterReason;
    readonly deduplicationId: string;
  }[] = [];
  readonly received: { readonly atMs: number; readonly options: ReceiveOptions }[] = [];
  /** Replaced by tests that want other answers, late ones, or a rejection. */
  onExtend = async (extensions: readonly Extension[]): Promise<readonly EntryResult[]> => extensions.map(() => "done");
  onAck = async (receipts: readonly string[]): Promise<readonly EntryResult[]> => receipts.map(() => "done");
  onBury = async (_message: Message): Promise<void> => undefined;
  /** Called before each receive; a rejection is the receive's. */
  onReceive = async (): Promise<void> => undefined;
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #waiting: Message[] = [];
  /** Of the receives that wait, oldest first. */
  readonly #wakers = new Set<AbortController>();

  constructor(clock: Clock, journal: Journal = () => undefined, fifo = false) {
    this.fifo = fifo;
    this.#clock = clock;
    this.#journal = journal;
  }

  /** Makes messages visible. */
  offer(...messages: readonly Message[]): void {
    this.#waiting.push(...messages);
    for (const waker of this.#wakers) waker.abort();
  }

  async describe(): Promise<QueueFacts> {
    return { url: "fake:", fifo: this.fifo, deadLetterUrl: "fake:dead", maxReceiveCount: 10, retentionMs: 345_600_000 };
  }

  async receive(options: ReceiveOptions): Promise<readonly Message[]> {
    this.received.push({ atMs: this.#clock.monoMs(), options });
    if (this.fifo) options.asked?.(options.repeats ?? `attempt-${this.received.length}`);
    await this.onReceive();
    const untilMs = this.#clock.monoMs() + options.waitMs;
    while (this.#waiting.length === 0 && this.#clock.monoMs() < untilMs && options.cut?.aborted !== true) {
      await this.#change(untilMs - this.#clock.monoMs(), options.cut);
    }
    return this.#waiting.splice(0, options.max);
  }

  async #change(withinMs: number, cut: AbortSignal | undefined): Promise<void> {
    const waker = new AbortController();
    this.#wakers.add(waker);
    await this.#clock.sleep(withinMs, cut === undefined ? waker.signal : AbortSignal.any([waker.signal, cut]));
    this.#wakers.delete(waker);
  }

  async extend(extensions: readonly Extension[]): Promise<readonly EntryResult[]> {
    this.extended.push({ atMs: this.#clock.monoMs(), extensions });
    for (const { receipt, visibilityMs } of extensions) this.#journal(`extend ${receipt} ${visibilityMs}`);
    return await this.onExtend(extensions);
  }

  async ack(receipts: readonly string[]): Promise<readonly EntryResult[]> {
    for (const receipt of receipts) this.#journal(`ack ${receipt}`);
    const results = await this.onAck(receipts);
    this.acked.push(...receipts.filter((_, i) => results[i] === "done"));
    return results;
  }

  async bury(message: Message, reason: DeadLetterReason, deduplicationId: string): Promise<void> {
    this.#journal(`bury ${message.id} ${reason.reason}`);
    await this.onBury(message);
    this.buried.push({ message, reason, deduplicationId });
  }

  async depth(): Promise<QueueDepth> {
    return { visible: this.#waiting.length, inFlight: 0, delayed: 0 };
  }

  /** None, unless a test has one. */
  letters: DeadLetterQueue | null = null;

  async deadLetters(): Promise<DeadLetterQueue | null> {
    return this.letters;
  }

  async close(): Promise<void> {
    this.#waiting.length = 0;
  }
}
