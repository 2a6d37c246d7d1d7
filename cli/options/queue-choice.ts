// The choice of queues. There is one queue, by URL or by name, or several for one worker. Each of
// several has its share of the slots, as in `high`, `default:3` or `bulk:1:max=2`.
import * as v from "valibot";
import { checkAlternatives } from "./alternatives.ts";
import { repeated } from "./option.ts";
import { isGiven, originText, type Setting } from "./resolve.ts";
import type { Findings } from "./setup.ts";
import { httpUrl, type Kind, queueName, readBy } from "./values.ts";

/** A queue by URL or by name. */
export type QueueChoice = { readonly url: string } | { readonly name: string };

/** A queue, and what its steps may have of the worker. */
export interface QueueTaken {
  readonly queue: QueueChoice;
  /** Null: the queue's redrive policy names it. */
  readonly deadLetter: QueueChoice | null;
  /** Null: it comes before those that have one. */
  readonly weight: number | null;
  /**
   * How many of its steps may run at once in this worker. `null` means no limit but the worker's.
   */
  readonly most: number | null;
}

const LARGEST_WEIGHT = 100;
const MOST_SLOTS = 256;

const queueTaken: Kind<QueueTaken> = {
  placeholder: "<queue>",
  expects: `<name or URL>, <name or URL>:<weight> or either with :max=<n> at its end (weight 1 to ${LARGEST_WEIGHT}, max 1 to ${MOST_SLOTS})`,
  schema: readBy(readQueue),
};

function readQueue(text: string): QueueTaken | null {
  const [, which = "", weight, most] = /^(.*?)(?::(\d{1,3}))?(?::max=(\d{1,3}))?$/.exec(text) ?? [];
  const queue = choice(which);
  if (queue === null || !fits(weight, LARGEST_WEIGHT) || !fits(most, MOST_SLOTS)) return null;
  return { queue, deadLetter: null, weight: numberOf(weight), most: numberOf(most) };
}

/**
 * Null for neither. A queue's URL has a path: what looks like a weight behind a host is its port.
 */
function choice(text: string): QueueChoice | null {
  if (v.is(queueName.schema, text)) return { name: text };
  return v.is(httpUrl.schema, text) && new URL(text).pathname.length > 1 ? { url: text } : null;
}

function fits(text: string | undefined, largest: number): boolean {
  return text === undefined || (Number(text) >= 1 && Number(text) <= largest);
}

function numberOf(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}

export const queues = repeated({
  flag: "--queue",
  env: ["TASKIQ_QUEUES"],
  group: "Queue",
  help:
    "One of several queues, by name or URL, instead of --queue-url: <queue> comes before those behind it, <queue>:<weight> shares what " +
    "these leave; :max=<n> at its end limits its steps.",
  kind: queueTaken,
  separator: ",",
});

/** The part of the settings that says which queue. */
type QueueSettings = Readonly<Record<"queueUrl" | "queueName" | "dlqUrl" | "dlqName", Setting<string | null>>>;
type TakenSettings = QueueSettings & { readonly queues: Setting<readonly QueueTaken[]> };

/** Of a command that works on one queue. */
export function queueRules({ queueUrl, queueName }: QueueSettings): Findings {
  if (isGiven(queueUrl) || isGiven(queueName)) return checkAlternatives([queueUrl, queueName]);
  const missing =
    "--queue-url or --queue-name is required (env: TASKIQ_QUEUE_URL, TASKIQ_QUEUE_NAME): the queue that steps come from";
  return { problems: [missing], warnings: [] };
}

/** Of a worker. */
export function takenRules(settings: TakenSettings): Findings {
  const { queueUrl, queueName: name, queues, dlqUrl, dlqName } = settings;
  const alternatives = checkAlternatives<Setting>([queueUrl, name, queues]);
  if (![queueUrl, name, queues].some(isGiven)) {
    const missing =
      "--queue-url, --queue-name or --queue is required (env: TASKIQ_QUEUE_URL, TASKIQ_QUEUE_NAME, TASKIQ_QUEUES): where steps come from";
    return { problems: [missing], warnings: [] };
  }
  if (alternatives.chosen !== queues) return alternatives;
  const own = [dlqUrl, dlqName].filter(isGiven).map(dlqProblem);
  return { problems: [...own, ...twice(queues)], warnings: alternatives.warnings };
}

function dlqProblem({ option, origin }: Setting): string {
  return `${option.flag} (${originText(origin)}) needs --queue-url or --queue-name: the redrive policy of each --queue names its dead letter queue`;
}

function twice({ value = [], option }: TakenSettings["queues"]): readonly string[] {
  const names = value.map(({ queue }) => queueText(queue));
  const again = new Set(names.filter((name, i) => names.indexOf(name) < i));
  return [...again].map((name) => `${option.flag} names ${name} more than once`);
}

export function queueText(queue: QueueChoice): string {
  return "url" in queue ? queue.url : queue.name;
}

/**
 * The queues that the settings name, in their order; empty when they name none that makes sense.
 */
export function queuesTaken({
  queueUrl,
  queueName: name,
  queues,
  dlqUrl,
  dlqName,
}: TakenSettings): readonly QueueTaken[] {
  const { chosen } = checkAlternatives<Setting>([queueUrl, name, queues]);
  if (chosen === null) return [];
  if (chosen === queues) return queues.value ?? [];
  const queue = chooseQueue(queueUrl, name);
  return queue === null ? [] : [{ queue, deadLetter: chooseQueue(dlqUrl, dlqName), weight: null, most: null }];
}

/** By URL or by name; null for neither. */
export function chooseQueue(url: Setting<string | null>, name: Setting<string | null>): QueueChoice | null {
  const { chosen } = checkAlternatives([url, name]);
  if (chosen?.value == null) return null;
  return chosen === url ? { url: chosen.value } : { name: chosen.value };
}
