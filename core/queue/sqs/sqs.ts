// The queue port over Amazon SQS, or anything that speaks its JSON protocol.

import { type Clock, systemClock } from "../../clock.ts";
import { Fault } from "../../faults.ts";
import type { Observe } from "../../observe.ts";
import { Outages } from "../../outages.ts";
import { SharedRequests } from "../../shared-requests.ts";
import type {
  DeadLetterQueue,
  DeadLetterReason,
  EntryResult,
  Extension,
  Message,
  Queue,
  QueueDepth,
  QueueFacts,
  QueueSurvey,
  ReceiveOptions,
} from "../port.ts";
import { ackMessages, extendMessages } from "./batches.ts";
import { sendDeadLetter } from "./bury.ts";
import { isFifo, type QueueAddress, type SqsContext } from "./context.ts";
import { openDeadLetters } from "./dead-letter-queue.ts";
import { type FoundFacts, findQueue, type QueueRef, readDepth, readFacts } from "./facts.ts";
import { receiveMessages } from "./receive.ts";
import { Sites, type SqsConnection } from "./sites.ts";
import { surveyQueues } from "./survey.ts";

export interface SqsQueueOptions extends SqsConnection {
  readonly queue: QueueRef;
  /** Null: the target of the queue's redrive policy. */
  readonly deadLetter: QueueRef | null;
  readonly observe: Observe;
  readonly clock?: Clock;
  /** 0 to 1; spreads retries. */
  readonly random?: () => number;
}

export interface SqsQueue extends Queue {
  /**
   * Rejects with a `Fault` when the queue does not exist or cannot be asked; anything else that is
   * wrong is in the answer.
   */
  survey(): Promise<QueueSurvey>;
  /**
   * Whose requests they are: the source of the credentials, and their access key id. Rejects with a
   * `Fault` when there are none.
   */
  identity(): Promise<{ readonly source: string; readonly accessKeyId: string }>;
}

/** Opens no connection yet: the first call does. */
export function openSqsQueue(options: SqsQueueOptions): SqsQueue {
  const firstUrl = "url" in options.queue ? options.queue.url : null;
  const { observe, clock = systemClock } = options;
  const context: SqsContext = {
    sites: new Sites(options, firstUrl, { clock, observe }),
    clock,
    observe,
    outages: new Outages({ clock, observe }),
    random: options.random ?? Math.random,
  };
  return new OpenSqsQueue(context, options.queue, options.deadLetter);
}

function noCredentials(cause: unknown): Fault {
  return new Fault("TQ_CREDENTIALS", "there are no AWS credentials", {
    hint: "Check the role of the task, pod or instance, or the profile and variables that name credentials.",
    cause,
  });
}

/** A message whose outcome is recorded is in no hurry to go, and ten may go with one request. */
const ACK_COMPANY = { enough: 10, waitMs: 50 };
const ACK_MAX = 100;

class OpenSqsQueue implements SqsQueue {
  readonly fifo: boolean;
  readonly #context: SqsContext;
  readonly #ref: QueueRef;
  readonly #deadLetterRef: QueueRef | null;
  readonly #acks: SharedRequests<string, EntryResult>;
  #found: QueueAddress | null = null;
  #facts: FoundFacts | null = null;

  constructor(context: SqsContext, ref: QueueRef, deadLetterRef: QueueRef | null) {
    this.#context = context;
    this.#ref = ref;
    this.fifo = isFifo("url" in ref ? ref.url : ref.name);
    this.#deadLetterRef = deadLetterRef;
    this.#acks = new SharedRequests({
      max: ACK_MAX,
      keyOf: (receipt) => receipt,
      send: async (receipts) => ackMessages(context, await this.#address(), receipts),
      company: { ...ACK_COMPANY, clock: context.clock },
    });
  }

  async describe(): Promise<QueueFacts> {
    return (await this.#read()).facts;
  }

  async survey(): Promise<QueueSurvey> {
    return surveyQueues(this.#context, await this.#address(), this.#deadLetterRef);
  }

  async identity(): ReturnType<SqsQueue["identity"]> {
    try {
      const { source = "the settings", accessKeyId } = await this.#context.sites.identity();
      return { source, accessKeyId };
    } catch (cause) {
      throw noCredentials(cause);
    }
  }

  async receive(options: ReceiveOptions): Promise<readonly Message[]> {
    return receiveMessages(this.#context, await this.#address(), options);
  }

  async extend(extensions: readonly Extension[]): Promise<readonly EntryResult[]> {
    return extendMessages(this.#context, await this.#address(), extensions);
  }

  async ack(receipts: readonly string[]): Promise<readonly EntryResult[]> {
    return Promise.all(receipts.map((receipt) => this.#acks.ask(receipt)));
  }

  async bury(message: Message, reason: DeadLetterReason, deduplicationId: string): Promise<void> {
    const { queue, deadLetter } = this.#facts ?? (await this.#read());
    const { url: sourceUrl } = queue;
    if (deadLetter === null) {
      throw new Fault("TQ_CONFIG", `the queue ${sourceUrl} has no dead letter queue to bury message ${message.id} in`, {
        hint: "Give the queue a redrive policy, or name its dead letter queue.",
      });
    }
    const burial = { message, reason, sourceUrl, buriedAtMs: this.#context.clock.wallMs() };
    await sendDeadLetter(this.#context, deadLetter, burial, deduplicationId);
  }

  async depth(): Promise<QueueDepth> {
    return readDepth(await this.#address());
  }

  async deadLetters(): Promise<DeadLetterQueue | null> {
    return openDeadLetters(this.#context, this.#facts ?? (await this.#read()));
  }

  async close(): Promise<void> {
    this.#context.sites.close();
  }

  async #read(): Promise<FoundFacts> {
    this.#facts = await readFacts(this.#context, await this.#address(), this.#deadLetterRef);
    return this.#facts;
  }

  async #address(): Promise<QueueAddress> {
    this.#found ??= await findQueue(this.#context, this.#ref);
    return this.#found;
  }
}
