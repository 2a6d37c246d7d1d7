// What an operator of dead letters has before them: our SQS server with skippable time, a ledger,
// and the built commands. A fixture stands in for the step host, because these tests do not depend
// on Dagster's answers.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { QueueModel } from "../../../cli/dev/sqs-server/queue-model.ts";
import { systemClock } from "../../../core/clock.ts";
import { payloadDigest } from "../../../core/delivery/digest.ts";
import type { Ledger } from "../../../core/ledger/port.ts";
import { openSqliteLedger } from "../../../core/ledger/sqlite/sqlite.ts";
import type { Message, Queue } from "../../../core/queue/port.ts";
import { openSqsQueue } from "../../../core/queue/sqs/sqs.ts";
import { decode } from "../../../core/step/envelope.ts";
import { type ExecutionState, idempotencyKey, type StepId } from "../../../core/step/step.ts";
import { SkippingClock } from "../clocks/skipping-clock.ts";
import { homeWithHost } from "../dagster/step-hosts.ts";
import { result } from "../ports/scripted-steps.ts";
import { awsVariables, createQueues, LOCAL_CREDENTIALS, LOCAL_REGION } from "../sqs/local-sqs.ts";
import { bodyFor } from "../sqs/messages.ts";
import { type SqsServer, type SqsServerOptions, startSqsServer } from "../sqs/server/http.ts";
import { asLocalSqs } from "../sqs/server/local.ts";
import { noneMarked } from "./marked-processes.ts";
import { taskiqCommand } from "./taskiq-command.ts";

const reason = { reason: "crash_loop", detail: "SIGKILL", errorClass: null, fingerprint: null, starts: 3, worker: "w" };

/** Longer than a command that was killed hides what it held. */
export const ALL_SHOWN_MS = 61_000;

export interface DeskWish {
  readonly fifo?: boolean;
  /** How its SQS server is. */
  readonly sqs?: Pick<SqsServerOptions, "aheadMs" | "timeCode">;
  /** Else a SQLite file, as without any option. */
  readonly ledger?: { readonly url: string; readonly open: () => Promise<Ledger> };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Desk {
  readonly server: SqsServer;
  readonly clock: SkippingClock;
  readonly ledger: Ledger;
  readonly source: QueueModel;
  readonly deadLetters: QueueModel;
  /** A producer's message about that step of run-1. */
  send(stepKey: string, groupId: string): void;
  /**
   * What a worker does that parks every step in the queue: its row is left open, and its message
   * buried.
   */
  buryAll(): Promise<void>;
  /** What a worker does that takes everything in the queue, and of which each step ends so. */
  workOff(end: "success" | "failure"): Promise<void>;
  /** Writes an event of that attempt 0 into Dagster's log. */
  log(step: Pick<StepId, "runId" | "stepKey">, event: string): void;
  /** An empty folder, but for what the commands keep there. */
  readonly home: string;
  start(args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> };
  /** `replay --yes` of everything, as JSON. */
  replay(...args: readonly string[]): Promise<Ended & { readonly printed: readonly PrintedLetter[] }>;
}

/** A line of `replay --json`, as far as tests look at it. */
export interface PrintedLetter {
  readonly message_id: string;
  readonly step_key: string;
  readonly plan: string;
  readonly verdict: string;
  readonly why: string;
  readonly end: string | null;
  readonly new_message_id: string | null;
}

export const YES = ["replay", "--yes", "--why", "the bucket is back", "--json"];

export async function openDesk(
  t: TestContext,
  { fifo = true, sqs = {}, ledger: elsewhere }: DeskWish = {},
): Promise<Desk> {
  const clock = new SkippingClock();
  const server = await startSqsServer({ ...sqs, clock });
  const pair = await createQueues(asLocalSqs(server), "steps", { fifo, maxReceiveCount: 50 });
  const home = homeWithHost("desk");
  const path = join(home, "taskiq.sqlite");
  const ledger =
    elsewhere === undefined
      ? await openSqliteLedger({ path, clock: systemClock, writeBoundMs: 5_000 })
      : await elsewhere.open();
  const queue = openSqsQueue({
    queue: { url: pair.url },
    deadLetter: null,
    observe: () => undefined,
    region: LOCAL_REGION,
    endpoint: server.endpoint,
    credentials: LOCAL_CREDENTIALS,
  });
  t.after(async () => {
    await Promise.all([queue.close(), elsewhere === undefined ? ledger.close() : undefined]);
    await noneMarked(`DAGSTER_HOME=${home}`);
    await server.stop();
    rmSync(home, { recursive: true });
  });
  const [source, deadLetters] = [server.model.queue(pair.name), server.model.queue(pair.deadLetterName)];
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    DAGSTER_HOME: home,
    TASKIQ_PYTHON: join(home, "python"),
    TASKIQ_QUEUE_URL: pair.url,
    ...awsVariables(server),
    ...(elsewhere === undefined ? {} : { TASKIQ_LEDGER_URL: elsewhere.url }),
  };
  const start: Desk["start"] = (args) => startCommand(args, env);
  const replay: Desk["replay"] = async (...args) => {
    const ended = await start([...YES, ...args]).ended;
    return { ...ended, printed: printedBy(ended) };
  };
  let sent = 0;
  const send = (stepKey: string, groupId: string) => {
    sent += 1;
    source.send({ body: bodyFor(stepKey), groupId, deduplicationId: fifo ? `sent-${sent}` : null });
  };
  const buryAll = () => parkAll(queue, ledger);
  const log: Desk["log"] = ({ runId, stepKey }, event) =>
    appendFileSync(join(home, "log", encodeURIComponent(`${runId}:${stepKey}:0`)), `${event}\n`);
  const workOff = async (end: "success" | "failure") => {
    for (const message of await queue.receive({ max: 10, waitMs: 0, visibilityMs: 30_000 })) {
      log(await settle(message, ledger, end), `STEP_START\nSTEP_${end.toUpperCase()}`);
      await queue.ack([message.receipt]);
    }
  };
  return { server, clock, ledger, source, deadLetters, send, buryAll, workOff, log, home, start, replay };
}

export function printedBy({ stdout }: Pick<Ended, "stdout">): readonly PrintedLetter[] {
  const lines = stdout.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as PrintedLetter);
}

function startCommand(args: readonly string[], env: Readonly<Record<string, string>>) {
  const [program, ...first] = taskiqCommand();
  const child = spawn(program, [...first, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]).then(
    ([stdout, stderr]): Ended => ({ code: child.exitCode, signal: child.signalCode, stdout, stderr }),
  );
  return { child, ended };
}

async function parkAll(queue: Queue, ledger: Ledger): Promise<void> {
  while (true) {
    const messages = await queue.receive({ max: 10, waitMs: 0, visibilityMs: 30_000 });
    if (messages.length === 0) return;
    for (const message of messages) {
      await settle(message, ledger, "parked");
      await queue.bury(message, reason, message.id);
    }
    await queue.ack(messages.map(({ receipt }) => receipt));
  }
}

/** Claims the attempt as a worker does, and ends it so. */
export async function settle(
  { id, body }: Pick<Message, "id" | "body">,
  ledger: Ledger,
  end: ExecutionState,
): Promise<StepId> {
  const decoded = decode(body);
  if (decoded.kind !== "step") throw new Error(`no step: ${body}`);
  const { runId, stepKey, attempt } = decoded.envelope;
  const step = { runId, stepKey, attempt };
  const key = idempotencyKey(step);
  const message = { messageId: id, payloadDigest: payloadDigest(decoded.envelope), receivedAtMs: systemClock.wallMs() };
  const claim = await ledger.claim({ key, step, owner: "w", leaseMs: 1_000, ...message });
  if (claim.kind !== "granted") throw new Error(`${key} is ${claim.kind}`);
  await ledger.settle({ key, fence: claim.fence }, result(end));
  return step;
}
