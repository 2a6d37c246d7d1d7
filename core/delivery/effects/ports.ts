// What performing an effect may touch, and how an unreachable dependency becomes a value.
import type { Clock } from "../../clock.ts";
import { describeError } from "../../faults.ts";
import type { Ledger } from "../../ledger/port.ts";
import type { Observe } from "../../observe.ts";
import type { Outages } from "../../outages.ts";
import type { Queue } from "../../queue/port.ts";
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
  /** Must not block: an engine event in the run's log, if it can be written. */
  readonly notify: (notice: Notice) => void;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Of this queue and of the ledger, as its deliveries meet them. */
  readonly outages: Outages;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
  readonly policy: Policy;
  /** One for all queues of the worker: it warns of each pair of versions once. */
  readonly senders: SenderVersions;
  /** Ids of messages that lie in the dead letter queue as a copy and could not be deleted yet. They get no second copy. */
  readonly copied: Set<string>;
  /** Counts what the ledger recorded. */
  readonly outcomes: OutcomeCounts;
  /** This worker's identity. */
  readonly worker: string;
  readonly leaseMs: number;
  /** Name or URL of the queue, as the worker's settings have it. */
  readonly queueName: string;
  /** Keys of which one must have signed each message; absent or empty: messages are not signed. */
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

/** The two stages of stopping: `quiet` starts nothing new, `kill` ends what runs. */
export interface Stopping {
  readonly quiet: AbortSignal;
  readonly kill: AbortSignal;
}

/** One effect's surroundings. */
export interface Scene {
  readonly delivery: Delivery;
  readonly ports: ExecutorPorts;
  /** The worker's, with the step's own tags laid over it. */
  readonly policy: Policy;
  /** One sentence for each tag that makes no sense. */
  readonly refusedTags: readonly string[];
  readonly stopping: Stopping;
}

/** An unreachable ledger is asked again at this pace until the lease ends: hours of work may hang on one answer. */
const LEDGER_RETRY_MS = 500;

/** Null when the ledger cannot be reached. */
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

/** Asks until there is an answer or the lease has ended (null): lost, or given up because the process that wanted to know is dead. */
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

/** Tells whoever reads the run's log in Dagster; the fate of the delivery does not hang on it, nor does it wait. */
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
    ...{ worker, message_id: messageId, receive_count: receiveCount, attempt, starts },
    ...(takenOverFrom === null ? {} : { taken_over_from: takenOverFrom }),
    ...(error === null ? {} : { error_class: error.class, error_message: error.message }),
  };
  ports.notify({ runId, stepKey, level, message, metadata });
}
