// Batch calls of at most ten entries, each entry with an end of its own: HTTP 200 says nothing
// about the single entry.
import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
} from "@aws-sdk/client-sqs";
import { describeError } from "../../faults.ts";
import { type EntryResult, type Extension, MESSAGES_A_REQUEST } from "../port.ts";
import type { QueueAddress, SqsContext } from "./context.ts";
import { queueFault, type Trouble, troubleFrom } from "./errors.ts";
import { retryDelayMs } from "./retry-delay.ts";

const ROUNDS = 3;

interface BatchAnswer {
  readonly Successful?: readonly { readonly Id?: string | undefined }[] | undefined;
  readonly Failed?: readonly BatchResultErrorEntry[] | undefined;
}

interface BatchCall<Item> {
  /** SQS's own name of it. */
  readonly action: string;
  readonly queueUrl: string;
  /** Sends at most ten items; an item's Id is its key in the map. */
  send(items: ReadonlyMap<string, Item>): Promise<BatchAnswer>;
}

/** Rounds seconds up, because the caller counts on the whole time. 0 stays 0. */
export function extendMessages(
  context: SqsContext,
  { url: QueueUrl, site }: QueueAddress,
  extensions: readonly Extension[],
): Promise<EntryResult[]> {
  const send = (items: ReadonlyMap<string, Extension>) => {
    const Entries = [...items].map(([Id, { receipt, visibilityMs }]) => ({
      Id,
      ReceiptHandle: receipt,
      VisibilityTimeout: Math.ceil(visibilityMs / 1000),
    }));
    const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries });
    return site.call((client, options) => client.send(command, options));
  };
  return callInBatches(context, { action: "ChangeMessageVisibility", queueUrl: QueueUrl, send }, extensions);
}

export function ackMessages(
  context: SqsContext,
  { url: QueueUrl, site }: QueueAddress,
  receipts: readonly string[],
): Promise<EntryResult[]> {
  const send = (items: ReadonlyMap<string, string>) => {
    const Entries = [...items].map(([Id, ReceiptHandle]) => ({ Id, ReceiptHandle }));
    const command = new DeleteMessageBatchCommand({ QueueUrl, Entries });
    return site.call((client, options) => client.send(command, options));
  };
  return callInBatches(context, { action: "DeleteMessage", queueUrl: QueueUrl, send }, receipts);
}

/**
 * Answers in the order of `items`. Rejects with a `Fault` only when no batch got an answer at all.
 * With some answered, the entries of the others are `failed`, because a rejection would hide the
 * effects that did happen.
 */
export async function callInBatches<Item>(
  context: SqsContext,
  call: BatchCall<Item>,
  items: readonly Item[],
): Promise<EntryResult[]> {
  const ends = await Promise.all(chunks(items).map((chunk) => oneBatch(context, call, chunk)));
  const first = ends[0];
  if (first?.error !== undefined && ends.every((end) => end.error !== undefined)) {
    throw queueFault(call.action, call.queueUrl, first.error);
  }
  return ends.flatMap((end) => end.results);
}

interface BatchEnd {
  readonly results: readonly EntryResult[];
  /** Set when no round of this batch got an answer. */
  readonly error?: unknown;
}

async function oneBatch<Item>(context: SqsContext, call: BatchCall<Item>, chunk: readonly Item[]): Promise<BatchEnd> {
  const results = new Map<string, EntryResult>();
  let open = new Map(chunk.map((item, index) => [String(index), item]));
  for (let round = 1; open.size > 0 && round <= ROUNDS; round += 1) {
    if (round > 1) await context.clock.sleep(retryDelayMs(round, context.random));
    try {
      open = settleEntries(context, call, open, await call.send(open), results);
    } catch (error) {
      // The SDK has already retried the call itself. The caller logs what no batch got an answer
      // to.
      if (round === 1) return { results: chunk.map(() => "failed"), error };
      tell(context, call, open.size, describeError(queueFault(call.action, call.queueUrl, error)));
      break;
    }
  }
  return { results: chunk.map((_, index) => results.get(String(index)) ?? "failed") };
}

/** Notes the ends of the entries that have one and returns those worth another try. */
function settleEntries<Item>(
  context: SqsContext,
  call: BatchCall<Item>,
  open: ReadonlyMap<string, Item>,
  answer: BatchAnswer,
  results: Map<string, EntryResult>,
): Map<string, Item> {
  for (const { Id } of answer.Successful ?? []) results.set(Id ?? "", "done");
  for (const entry of answer.Failed ?? []) {
    const result = endOf(entry);
    if (result !== "open") results.set(entry.Id ?? "", result);
    if (result !== "gone") tell(context, call, 1, `${entry.Code}: ${entry.Message ?? ""}`, entry.Code);
  }
  if ((answer.Failed ?? []).length === 0) context.outages.worked(call.action);
  return new Map([...open].filter(([id]) => !results.has(id)));
}

function endOf(entry: BatchResultErrorEntry): "gone" | "failed" | "open" {
  const trouble: Trouble = troubleFrom({ codes: [entry.Code ?? ""], message: entry.Message ?? "", status: null });
  if (trouble === "gone") return "gone";
  const worthAnotherTry = trouble === "throttled" || entry.SenderFault !== true;
  return worthAnotherTry ? "open" : "failed";
}

function tell<Item>(context: SqsContext, call: BatchCall<Item>, entries: number, detail: string, code = detail): void {
  context.outages.failed(call.action, code, {
    event: "queue.entries_failed",
    level: "warn",
    message: `${call.action} failed for some entries`,
    action: call.action,
    queue: call.queueUrl,
    entries,
    detail,
  });
}

function chunks<Item>(items: readonly Item[]): Item[][] {
  const count = Math.ceil(items.length / MESSAGES_A_REQUEST);
  const chunkAt = (index: number) => items.slice(index * MESSAGES_A_REQUEST, (index + 1) * MESSAGES_A_REQUEST);
  return Array.from({ length: count }, (_, index) => chunkAt(index));
}
