// The ports of the effects. An unreachable dependency becomes a value here.
import type { Clock } from "../../clock.ts";
import { describeError } from "../../faults.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { Observe, RepeatedObservation } from "../../observe.ts";
import type { Outages } from "../../outages.ts";
import type { EntryResult, Queue } from "../../queue/port.ts";
import type { Notice, Runner } from "../../runner/port.ts";
import type { Delivery } from "../delivery.ts";
import type { OutcomeCounts } from "../outcome-counts.ts";
import type { Policy } from "../policy.ts";
import type { Why } from "../states.ts";
import type { SenderVersions } from "./sender-versions.ts";

export interface ExecutorPorts {
  readonly queue: Pick<Queue, "extend" | "ack" | "bury">;
  readonly ledger: Pick<Ledger, "claim" | "permit" | "settle" | "abandon" | "burialKey">;
  readonly runner: Pick<Runner, "execute" | "report" | "instance" | "versions">;
  /** Writes an engine event to the run's log, if it can. Must not block. */
  readonly notify: (notice: Notice) => void;
  readonly clock: Clock;
  readonly observe: Observe;
  /** The outages of this queue and of the ledger that its deliveries meet. */
  readonly outages: Outages;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
  readonly policy: Policy;
  /** Shared by all queues of the worker, so that it warns of each pair of versions once. */
  readonly senders: SenderVersions;
  /**
   * Ids of messages that lie in the dead letter queue as a copy and could not be deleted yet. They
   * get no second copy.
   */
  readonly copied: Set<string>;
  /** Counts what the ledger recorded. */
  readonly outcomes: OutcomeCounts;
  /** This worker's identity. */
  readonly worker: string;
  readonly leaseMs: number;
  /**
   * The schema that holds the ledger's tables in Dagster's own database. Absent or `null` means
   * that the ledger is elsewhere.
   */
  readonly ledgerSchema?: string | null;
  /** Name or URL of the queue, as the worker's settings have it. */
  readonly queueName: string;
  /**
   * Each message must be signed with one of these keys. Absent or empty means that messages are not
   * signed.
   */
  readonly envelopeKeys?: readonly string[];
  /** Absent: nothing protects the worker's machine while steps run. */
  readonly protection?: StepProtection;
}

/** Protects the worker's machine from being stopped while steps run. */
export interface StepProtection {
  /** The step of a delivery begins. */
  begin(): void;
  /** The delivery of a step that began has met its end. */
  end(): void;
}

/**
 * The two stages of stopping: after `quiet` nothing new starts, and `kill` ends the steps that run.
 */
export interface Stopping {
  readonly quiet: AbortSignal;
  readonly kill: AbortSignal;
}

/** The surroundings of one effect. */
export interface Scene {
  readonly delivery: Delivery;
  readonly ports: ExecutorPorts;
  /** The worker's, with the step's own tags laid over it. */
  readonly policy: Policy;
  /** One sentence for each tag that makes no sense. */
  readonly refusedTags: readonly string[];
  readonly stopping: Stopping;
}

/**
 * The pace at which an unreachable ledger is asked again until the lease ends. Hours of work may
 * depend on one answer.
 */
const LEDGER_RETRY_MS = 500;

/** Resolves with `null` if the ledger cannot be reached. */
export async function askLedger<T>(
  { delivery, ports }: Scene,
  what: string,
  ask: (ledger: ExecutorPorts["ledger"]) => Promise<T>,
): Promise<T | null> {
  try {
    const answer = await ask(ports.ledger);
    ports.outages.worked("the ledger");
    return answer;
  } catch (error) {
    const message = `ledger, ${what}: ${describeError(error)}`;
    ports.outages.failed("the ledger", error, delivery.about("warn", "ledger.unreachable", message, { what }));
    return null;
  }
}

/**
 * Asks until the ledger answers. Resolves with `null` once the lease has ended: it was lost, or the
 * process that needed the answer is dead.
 */
export async function askLedgerWhileLeased<T>(
  scene: Scene,
  what: string,
  ask: (ledger: ExecutorPorts["ledger"]) => Promise<T>,
): Promise<T | null> {
  const { lease } = scene.delivery;
  while (true) {
    const answer = await askLedger(scene, what, ask);
    if (answer !== null || lease.endsAtMs() === null) return answer;
    await scene.ports.clock.sleep(LEDGER_RETRY_MS, lease.lost);
    if (lease.endsAtMs() === null) return null;
  }
}

/**
 * Writes an engine event for readers of the run's log in Dagster. The delivery neither waits for it
 * nor depends on it.
 */
export function noticeInDagster(
  { delivery, ports }: Scene,
  level: "warning" | "error",
  message: string,
  error: Why["error"] = null,
): void {
  if (delivery.step === null) return;
  const { runId, stepKey, attempt } = delivery.step;
  const { worker, messageId, receiveCount, starts, takenOverFrom } = delivery.note(ports.worker);
  const metadata = {
    worker,
    message_id: messageId,
    receive_count: receiveCount,
    attempt,
    starts,
    ...(takenOverFrom === null ? {} : { taken_over_from: takenOverFrom }),
    ...(error === null ? {} : { error_class: error.class, error_message: error.message }),
  };
  ports.notify({ runId, stepKey, level, message, metadata });
}

export type OneEntryCall = "ChangeMessageVisibility" | "DeleteMessage";

/**
 * Asks the queue in a batch call about one message. Returns whether the entry is done. `failure`
 * makes the log line from the cause, and says what happens to the message next.
 */
export async function askForOne(
  call: OneEntryCall,
  ask: () => Promise<readonly EntryResult[]>,
  outages: Outages,
  failure: (why: string) => RepeatedObservation,
): Promise<boolean> {
  try {
    const [result = "failed"] = await ask();
    if (result === "done") outages.worked(call);
    // An expired receipt does not mean an outage. The adapter has logged why SQS refused an entry.
    else if (result === "gone") outages.observe(failure("gone"));
    else outages.observe({ ...failure("failed"), level: "debug" });
    return result === "done";
  } catch (error) {
    outages.failed(call, error, failure(describeError(error)));
    return false;
  }
}
