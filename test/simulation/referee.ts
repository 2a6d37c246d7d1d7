// The rules that hold after every step, whatever goes wrong. The referee keeps books of its own: it
// believes neither the worker nor the ledger.

import { messageIdOf } from "../../cli/dev/sqs-server/stored-message.ts";
import type { Hold } from "../../core/ledger/port.ts";
import { type ExecutionResult, idempotencyKey, type StepId } from "../../core/step/step.ts";
import { terminalEvents } from "../support/ports/scripted-steps.ts";
import { type Dagster, type EventKind, readAttempt, type TerminalKind } from "./dagster.ts";
import type { Producer, Sent } from "./producer.ts";

export const rules = {
  unsent: "nothing runs or ends but what a run worker sent",
  second_terminal_event: "an attempt has at most one terminal event",
  acked_unsettled: "a message is deleted only once its outcome is recorded",
  acked_without_copy: "a dead letter's message is deleted only once its copy is made",
  buried_unsettled: "a message is buried only once its outcome is recorded",
  buried_success: "what ended by itself is no dead letter",
  settled_without_event: "what the ledger says stands in the event log",
  settled_twice: "an outcome that is recorded stays",
  stale_fence: "only the holder of the latest fence writes to the ledger",
  out_of_order: "a FIFO group's steps run in the order in which they were sent",
  outlived_lease: "a step process is dead before anyone else can claim, if its worker is awake",
  incomplete: "a step's events stand in the log as it sent them: each once, in order, none left out",
  written_after_exit: "nothing is written for a process once its end was reported",
  written_after_end: "a recorder that lives writes nothing of an attempt behind the attempt's end",
  started_settled: "what is settled is not started again",
  untold: "the log says how each delivery ended, and of each outcome before it is recorded",
  bug: "nothing that a message, a step or a service does is a bug of the worker",
  hang: "every run ends, every queue runs empty and every worker stops",
  ledger_differs: "the ledger says what the event log says",
  lost: "what was given up is in the dead letter queue, and nothing else is",
} as const;

export interface Violation {
  readonly rule: keyof typeof rules;
  /** The key, message or worker it is about. */
  readonly about: string;
  readonly detail: string;
}

/** A step process, or a report's, as far as rules are concerned. */
export interface Running {
  readonly what: "run" | "report";
  readonly key: string;
  readonly fence: number;
  readonly worker: string;
  /** Its worker could have killed it by now, and has not. */
  readonly neglected: () => boolean;
}

export class Referee {
  violation: Violation | null = null;
  readonly settledAs = new Map<string, ExecutionResult>();
  /** The fence under which a key was settled last. */
  readonly #settledBy = new Map<string, number>();
  /** Messages with a copy in the dead letter queue. */
  readonly copied = new Set<string>();
  /**
   * Of those, the ones whose attempt may have any end: another body under its key, one that no run
   * worker sent, or of a run that is over.
   */
  readonly refused = new Set<string>();
  /** Messages that SQS itself moved there. */
  readonly moved = new Set<string>();
  /** Letters of other programs in the dead letter queue. */
  readonly strangers = new Set<string>();
  readonly running = new Set<Running>();
  readonly #dagster: Dagster;
  readonly #producer: Producer;
  readonly #parked = new Set<string>();
  /** Events that a process sent to its recorder and that are not written, in order. */
  readonly #unwritten = new Map<string, EventKind[]>();
  readonly #exited = new Set<string>();
  readonly #fences = new Map<string, number>();
  /**
   * Messages of each FIFO group in the order in which they were sent, without those that are over.
   */
  readonly #groups = new Map<string, Sent[]>();

  constructor(dagster: Dagster, producer: Producer) {
    this.#dagster = dagster;
    this.#producer = producer;
  }

  fail(rule: keyof typeof rules, about: string, detail: string): void {
    this.violation ??= { rule, about, detail };
  }

  sent(message: Sent): void {
    if (message.group === null) return;
    const group = this.#groups.get(message.group);
    if (group === undefined) this.#groups.set(message.group, [message]);
    else if (!group.includes(message)) group.push(message);
  }

  claimed(key: string, fence: number): void {
    this.#fences.set(key, fence);
    for (const process of this.running) {
      if (process.key !== key || !process.neglected()) continue;
      this.fail("outlived_lease", key, `${process.worker}'s process of fence ${process.fence} runs under ${fence}`);
    }
  }

  fenced({ key, fence }: Hold, what: string): void {
    const latest = this.#fences.get(key);
    if (fence !== latest) this.fail("stale_fence", key, `${what} under fence ${fence}, the latest is ${latest}`);
  }

  /**
   * A report reads the log first. It may find there that the COMMIT of a dead host has
   * settled its own claim.
   */
  started(process: Running, messageId: string): void {
    const looksAfterItsOwn = process.what === "report" && this.#settledBy.get(process.key) === process.fence;
    if (this.settledAs.has(process.key) && !looksAfterItsOwn) {
      this.fail("started_settled", process.key, `settled as ${this.settledAs.get(process.key)?.state}`);
    }
    const message = this.#producer.messageOf(messageId);
    const group = message.group === null ? [] : (this.#groups.get(message.group) ?? []);
    while (group[0] !== undefined && group[0] !== message && this.#isOver(group[0])) group.shift();
    const head = group[0];
    if (head === undefined || head === message || this.#isOver(message) || group.indexOf(message) === -1) return;
    if (head.key === message.key) return;
    this.fail("out_of_order", process.key, `${this.#producer.nameOf(head.id)} was sent before it and is not over`);
  }

  /** A step process writes, whatever it is. */
  touching(step: StepId, kind: EventKind, by: string): void {
    const key = idempotencyKey(step);
    if (!this.#producer.attempts.has(key)) this.fail("unsent", key, `${by} writes ${kind}`);
  }

  /** A process gives its recorder an event. */
  sends(process: string, kind: EventKind): void {
    const unwritten = this.#unwritten.get(process);
    if (unwritten === undefined) this.#unwritten.set(process, [kind]);
    else unwritten.push(kind);
  }

  /** A recorder's transaction has the event. */
  stores(step: StepId, process: string, kind: EventKind): void {
    const next = this.#unwritten.get(process)?.shift();
    const key = idempotencyKey(step);
    if (next !== kind) this.fail("incomplete", key, `${kind} of ${process}, whose next event is ${next ?? "none"}`);
    if (this.#exited.has(process)) this.fail("written_after_exit", key, `${kind} of ${process}`);
  }

  /**
   * A plain event is written whose recorder lives. What a dead one had sent to the database may
   * take effect later.
   */
  storesPlain(step: StepId, process: string, kind: EventKind): void {
    const { terminal, retries } = readAttempt(this.#dagster.log(step), step.attempt);
    if (terminal === null && retries <= step.attempt) return;
    this.fail("written_after_end", idempotencyKey(step), `${kind} of ${process}`);
  }

  /** The host reports the end of a process whose recorder lives. */
  exited(process: string): void {
    this.#exited.add(process);
  }

  /** Asked just before the event is written. */
  writing(step: StepId, kind: TerminalKind, by: string): void {
    const { terminal, retries } = readAttempt(this.#dagster.log(step), step.attempt);
    if (terminal === null && retries === step.attempt) return;
    const stands = terminal === null ? "another attempt is under way" : `${terminal.kind} by ${terminal.by} stands`;
    this.fail("second_terminal_event", idempotencyKey(step), `${kind} by ${by}, though ${stands}`);
  }

  settled(hold: Hold, outcome: ExecutionResult): void {
    const { key } = hold;
    this.fenced(hold, "an outcome was recorded");
    const earlier = this.settledAs.get(key);
    if (earlier !== undefined && earlier.state !== outcome.state) {
      this.fail("settled_twice", key, `${earlier.state}, and then ${outcome.state}`);
    }
    this.settledAs.set(key, outcome);
    this.#settledBy.set(key, hold.fence);
    if (outcome.state === "parked") this.#parked.add(key.split(":").slice(0, 2).join(":"));
    const why = this.#contradiction(key, outcome);
    if (why !== null) this.fail("settled_without_event", key, `settled as ${outcome.state}: ${why}`);
  }

  acking(receipt: string): void {
    if (this.strangers.has(messageIdOf(receipt) ?? receipt)) {
      this.fail("lost", receipt, "a letter of another program is deleted");
      return;
    }
    const message = this.#producer.messageOf(receipt);
    const name = this.#producer.nameOf(receipt);
    const outcome = message.key === null ? undefined : this.settledAs.get(message.key);
    if (this.refused.has(message.id)) return;
    if (message.key !== null && outcome === undefined) this.fail("acked_unsettled", name, "nothing is recorded");
    const needsCopy = this.#isStrange(message) || isUnreadable(message) || outcome === undefined || isDead(outcome);
    if (needsCopy && !this.copied.has(message.id)) this.fail("acked_without_copy", name, "no copy was made");
  }

  burying(messageId: string, reason: string): void {
    const message = this.#producer.messageOf(messageId);
    const name = this.#producer.nameOf(messageId);
    if (message.key === null) return;
    if (refusals.has(reason)) {
      this.#refusing(message, reason);
      return;
    }
    const outcome = this.settledAs.get(message.key);
    if (reason === "payload_mismatch" || (reason === "malformed" && outcome === undefined)) {
      this.refused.add(messageId);
      const isOnlyOne = [...this.#producer.messages.values()].every(
        ({ key, body }) => key !== message.key || digestible(body) === digestible(message.body),
      );
      if (isOnlyOne) this.fail("buried_unsettled", name, "buried as another's body, and there is no other");
      return;
    }
    if (outcome === undefined) this.fail("buried_unsettled", name, "nothing is recorded");
    // A swept message of a run that is over owes nothing, and stays for people to see.
    else if (reason === "moved_by_sqs" && outcome.state === "run_over") this.refused.add(messageId);
    else if (!isUnreadable(message) && !isDead(outcome))
      this.fail("buried_success", name, `settled as ${outcome.state}`);
  }

  /** No other message of its attempt names this instance. */
  #isStrange({ strange, key: asked }: Sent): boolean {
    return strange && [...this.#producer.messages.values()].every((other) => other.key !== asked || other.strange);
  }

  /** Its attempt is left as it is. */
  #refusing(message: Sent, reason: string): void {
    this.refused.add(message.id);
    if (reason === "not_open" ? message.hostile : message.strange) return;
    this.fail("buried_unsettled", this.#producer.nameOf(message.id), `buried as ${reason}, and a run worker sent it`);
  }

  isParked(runId: string, stepKey: string): boolean {
    return this.#parked.has(`${runId}:${stepKey}`);
  }

  buried(messageId: string): void {
    this.copied.add(messageId);
  }

  #contradiction(key: string, { state }: ExecutionResult): string | null {
    const id = stepOfKey(key);
    const { terminal } = readAttempt(this.#dagster.log(id), id.attempt);
    if (terminal === null && state !== "run_over" && !this.#producer.attempts.has(key)) return "nobody sent it";
    const stands = terminal === null ? "no terminal event" : terminal.kind;
    switch (state) {
      case "run_over":
        return this.#isOwedNothing(id) ? null : "the run goes on";
      case "parked":
        return terminal === null ? null : `${stands} stands`;
      case "reported":
        return stands === "STEP_FAILURE" || stands === "STEP_UP_FOR_RETRY" ? null : `${stands} stands`;
      case "malformed":
        return "that is no end of an attempt";
      default:
        return terminal?.kind === terminalEvents[state] || followsUp(terminal?.kind) ? null : `${stands} stands`;
    }
    function followsUp(kind: string | undefined): boolean {
      // What the run worker writes after a resource failure stands in its place.
      return state === "resource_init_failure" && (kind === "STEP_FAILURE" || kind === "STEP_UP_FOR_RETRY");
    }
  }

  /** Its run is over, or unknown, or has no such step. */
  #isOwedNothing(step: StepId): boolean {
    return this.#dagster.runIsOver(step.runId) || this.#producer.planOf(step) === null;
  }

  #isOver(message: Sent): boolean {
    if (this.copied.has(message.id) || this.moved.has(message.id)) return true;
    return message.key !== null && !isUnreadable(message) && this.settledAs.has(message.key);
  }
}

function stepOfKey(key: string): StepId {
  const [runId = "", stepKey = "", attempt = "0"] = key.split(":");
  return { runId, stepKey, attempt: Number(attempt) };
}

/** Why a message is buried whose attempt is not touched. */
const refusals: ReadonlySet<string> = new Set(["not_open", "other_instance", "unknown_run", "unsigned"]);

/** The body without what may differ between two messages about the same attempt. */
function digestible(body: string): string {
  return body.replace(/"enqueued_at":[\d.]+/, "");
}

export function isDead({ state }: ExecutionResult): boolean {
  return state === "reported" || state === "parked" || state === "malformed";
}

/** Its message cannot be read as a step, and is a dead letter whatever became of the step. */
export function isUnreadable(message: Sent): boolean {
  return message.form === "garbage" || message.form === "malformed";
}
