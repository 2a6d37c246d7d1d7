// The sweep ends the steps of messages that SQS itself moved to the dead letter queue because they
// were received too often. Without it their Dagster runs would wait forever. One worker at a time,
// by a lock of the ledger, looks through that queue and ends the attempts that are still open.
// Every write is fenced as usual: the lock only spares the others the work.
import type { Quiet } from "../../admission/quiet.ts";
import { jittered } from "../../backoff.ts";
import type { Bugs } from "../../bugs.ts";
import type { Breaker } from "../../circuit/breaker.ts";
import type { Clock } from "../../clock.ts";
import type { Executor } from "../../delivery/executor.ts";
import { describeError, Fault } from "../../faults.ts";
import { counted } from "../../formats/counted.ts";
import { formatDuration } from "../../formats/durations.ts";
import type { LeaseSettings } from "../../lease/lease.ts";
import { LeaseKeeper } from "../../lease/lease-keeper.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { Observe } from "../../observe.ts";
import type { Outages } from "../../outages.ts";
import type { DeadLetterQueue } from "../../queue/port.ts";
import { sweepOnce } from "./sweep-pass.ts";

export interface SweepPorts {
  readonly ledger: Pick<Ledger, "lock" | "renew">;
  readonly clock: Clock;
  readonly observe: Observe;
  readonly bugs: Pick<Bugs, "supervise">;
  /** The outages of the dead letter queue. */
  readonly outages: Outages;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
  /** The executor of the queue whose dead letters are meant. */
  readonly executor: Pick<Executor, "outOf">;
  /** Aborts when a letter may start nothing new. */
  readonly quiet: Pick<Quiet, "signal">;
  /** See `ExecutorPorts`. */
  readonly copied: Set<string>;
  readonly breaker: Pick<Breaker, "mayReport">;
  /** Called when a pass begins, and when it is over. */
  readonly passing?: (underWay: boolean) => void;
}

export interface SweepSettings extends LeaseSettings {
  /** How often the dead letter queue is asked for how much it holds. */
  readonly sweepMs: number;
  readonly worker: string;
}

/** How the log names a turn. */
const CALL = "the sweep";

/**
 * The sweep looks every so many intervals, even if SQS's count stays the same. The count lags, is
 * approximate, and misses a letter that comes as another leaves.
 */
const QUIET_INTERVALS = 15;
/**
 * How long a pass rests for each dead letter that it looked at. So it looks at ten a second on
 * average, however many there are.
 */
const REST_MS = 100;
/**
 * How long the sweep rests after access was denied. People renew expired credentials and mend
 * permissions at their own pace.
 */
const DENIED_REST_MS = 600_000;
/**
 * Longer than a pass may take to renew the lock. The lock lasts from one turn to the next, or each
 * worker would look in turn.
 */
const LOCK_MARGIN_MS = 120_000;

/**
 * Looks until `stopped` aborts, or until it has found that this queue can or need never be looked
 * through.
 */
export async function runSweep(
  open: () => Promise<DeadLetterQueue | null>,
  ports: SweepPorts,
  settings: SweepSettings,
  stopped: AbortSignal,
): Promise<void> {
  const { clock, chance } = ports;
  const { sweepMs } = settings;
  const sweep = new Sweep(open, ports, settings);
  // Workers that were started together should not all ask for the lock together.
  await clock.sleep(jittered(sweepMs, "full", chance()), stopped);
  while (!stopped.aborted && (await sweep.turn(stopped))) await clock.sleep(sweepMs, stopped);
  await sweep.stop();
}

interface Opened {
  readonly letters: DeadLetterQueue;
  readonly leases: LeaseKeeper;
  readonly executor: Executor;
}

class Sweep {
  readonly #open: () => Promise<DeadLetterQueue | null>;
  readonly #ports: SweepPorts;
  readonly #settings: SweepSettings;
  /** FIFO groups that hide letters, as the last pass found them. */
  #hiding: readonly string[] = [];
  #opened: Opened | null = null;
  /** Access was denied and has not worked since. The sweep tries again at this instant. */
  #deniedUntilMs: number | null = null;
  #last: { readonly visible: number; readonly atMs: number; readonly restMs: number } | null = null;

  constructor(open: () => Promise<DeadLetterQueue | null>, ports: SweepPorts, settings: SweepSettings) {
    this.#open = open;
    this.#ports = ports;
    this.#settings = settings;
  }

  /** Resolves with false if another turn would be pointless. */
  async turn(stopped: AbortSignal): Promise<boolean> {
    if (!this.#ports.breaker.mayReport()) return true; // nothing could be ended now
    if (this.#deniedUntilMs !== null && this.#ports.clock.monoMs() < this.#deniedUntilMs) return true;
    try {
      this.#opened ??= await this.#openLetters();
      if (this.#opened === null) return false;
      if (await this.#lock(this.#opened.letters)) await this.#lookIfDue(this.#opened, stopped);
      this.#deniedUntilMs = null;
      this.#ports.outages.worked(CALL);
    } catch (error) {
      this.#failed(error);
    }
    return true;
  }

  /** Throws what is not a `Fault`: a bug. */
  #failed(error: unknown): void {
    if (!(error instanceof Fault)) throw error;
    const denied = error.code === "TQ_QUEUE_DENIED";
    if (denied) this.#deniedUntilMs = this.#ports.clock.monoMs() + DENIED_REST_MS;
    const after = denied ? `; tried again every ${formatDuration(DENIED_REST_MS)}` : "";
    const message = `could not look through the dead letter queue: ${describeError(error)}${after}`;
    this.#ports.outages.failed(CALL, error, { event: "sweep.failed", level: "warn", message });
  }

  async stop(): Promise<void> {
    if (this.#opened === null) return;
    const { letters, leases } = this.#opened;
    await leases.stop();
    try {
      await this.#ports.ledger.lock(lockName(letters), this.#settings.worker, 0);
    } catch (error) {
      const message = `could not give up the sweep's lock, which ends by itself: ${describeError(error)}`;
      this.#ports.observe({ event: "sweep.failed", level: "debug", message });
    }
  }

  /** Resolves with `null` if there is no dead letter queue, or none that may be looked through. */
  async #openLetters(): Promise<Opened | null> {
    const letters = await this.#open();
    if (letters === null) return null;
    if (letters.redrives) {
      const why = "it has a redrive policy of its own, which moves on the letters that are looked at";
      const message = `the sweep does not look through ${letters.url}, so runs may wait forever for steps that SQS moves there: ${why}`;
      this.#ports.observe({ event: "sweep.off", level: "warn", message });
      return null;
    }
    const leases = new LeaseKeeper({ ...this.#ports, queue: letters }, this.#settings);
    void this.#ports.bugs.supervise("leases of the sweep", leases.start());
    return { letters, leases, executor: this.#ports.executor.outOf(letters, this.#ports.outages) };
  }

  async #lookIfDue({ letters, leases, executor }: Opened, stopped: AbortSignal): Promise<void> {
    const { visible } = await letters.depth();
    if (!this.#isDue(visible)) return;
    const { clock, quiet, breaker, outages, copied, observe } = this.#ports;
    const goOn = async () => breaker.mayReport() && (await this.#lock(letters));
    this.#ports.passing?.(true);
    const pass = sweepOnce({ letters, leases, executor, quiet, clock, copied, outages, goOn }, stopped);
    const { looked, ended, hiding } = await pass.finally(() => this.#ports.passing?.(false));
    this.#last = { visible, atMs: clock.monoMs(), restMs: looked * REST_MS };
    const message = `looked at ${counted(looked, "dead letter")}, ended ${ended} that SQS itself had moved`;
    observe({ event: "sweep.done", level: ended > 0 ? "info" : "debug", message, looked, ended });
    this.#logHiding(hiding);
  }

  /** Logs each group once for as long as it hides letters. */
  #logHiding(hiding: readonly string[]): void {
    for (const group of hiding) {
      if (this.#hiding.includes(group)) continue;
      const why = "its first ten are of other queues, of a later version, or cannot be deleted";
      const message = `the sweep cannot see all dead letters of group ${group}: ${why}. Move them out of the dead letter queue`;
      this.#ports.observe({ event: "sweep.hidden", level: "warn", message, group });
    }
    this.#hiding = hiding;
  }

  #isDue(visible: number): boolean {
    if (visible === 0) return false;
    if (this.#last === null) return true;
    const passedMs = this.#ports.clock.monoMs() - this.#last.atMs;
    if (passedMs < this.#last.restMs) return false;
    return visible !== this.#last.visible || passedMs >= QUIET_INTERVALS * this.#settings.sweepMs;
  }

  #lock(letters: DeadLetterQueue): Promise<boolean> {
    const { worker, sweepMs } = this.#settings;
    return this.#ports.ledger.lock(lockName(letters), worker, sweepMs + LOCK_MARGIN_MS);
  }
}

/**
 * One ledger, and one dead letter queue, may serve several queues. Each of these queues has a sweep
 * of its own, and so a lock of its own.
 */
function lockName({ url, sourceUrl }: DeadLetterQueue): string {
  return `sweep ${url} of ${sourceUrl}`;
}
