// `node bench/dead-letters.ts [--letters 1000]`: how long an operator waits for all dead letters of
// a queue. The queue is on a local SQS server, and a ledger has a row for each letter. The command
// runs as an operator starts it, and once more for Dagster, whose import takes the most time.
//
// Then it measures how long it takes until as many letters that a run still waits for are back in
// their queue. Each replay is written down four times in a SQLite ledger.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { systemClock } from "../core/clock.ts";
import { openSqliteLedger } from "../core/ledger/sqlite/sqlite.ts";
import { deadLetterAttributes } from "../core/queue/dead-letter-note.ts";
import { type ExecutionState, idempotencyKey } from "../core/step/step.ts";
import { DagsterSidecar, PYTHON } from "../test/support/dagster/dagster-sidecar.ts";
import { result } from "../test/support/ports/scripted-steps.ts";
import {
  createQueues,
  LOCAL_CREDENTIALS,
  LOCAL_REGION,
  type QueuePair,
  sendMessage,
} from "../test/support/sqs/local-sqs.ts";
import { bodyFor, message } from "../test/support/sqs/messages.ts";
import { startSqsServer } from "../test/support/sqs/server/http.ts";
import { asLocalSqs } from "../test/support/sqs/server/local.ts";

const { values } = parseArgs({ options: { letters: { type: "string", default: "1000" } } });
const count = Number(values.letters);
const bundle = fileURLToPath(new URL("../dist/taskiq.mjs", import.meta.url));
if (!existsSync(bundle)) throw new Error("there is no dist/taskiq.mjs: npm run build");

const server = await startSqsServer();
const sqs = asLocalSqs(server);
const home = mkdtempSync(join(tmpdir(), "taskiq-bench-"));
try {
  writeFileSync(join(home, "dagster.yaml"), "telemetry:\n  enabled: false\n");
  const looked = await createQueues(sqs, "steps");
  await bury(looked, (i) => `run-${i % 50}`, "reported");
  await show("inspect-dlq --no-dagster", looked, ["inspect-dlq", "--json", "--no-dagster"]);
  await show("inspect-dlq", looked, ["inspect-dlq", "--json"]);
  const replayed = await createQueues(sqs, "replayed");
  const runId = await waitingRun();
  await bury(replayed, () => runId, "parked");
  await show("replay --yes", replayed, ["replay", "--json", "--yes", "--why", "bench"]);
} finally {
  await server.stop();
  rmSync(home, { recursive: true });
}

async function waitingRun(): Promise<string> {
  const dagster = new DagsterSidecar({ env: { PATH: process.env["PATH"] ?? "", HOME: home, DAGSTER_HOME: home } });
  try {
    return await dagster.createRun("one_success");
  } finally {
    await dagster.stop();
  }
}

async function bury({ url, deadLetterUrl }: QueuePair, runOf: (i: number) => string, state: ExecutionState) {
  const ledger = await openSqliteLedger({
    clock: systemClock,
    writeBoundMs: 5_000,
    path: join(home, "taskiq.sqlite"),
  });
  for (let i = 0; i < count; i += 1) {
    const step = { runId: runOf(i), stepKey: `load_${i}`, attempt: 0 };
    const claim = await ledger.claim({
      key: idempotencyKey(step),
      step,
      owner: "worker",
      leaseMs: 60_000,
      messageId: "m",
      payloadDigest: "d",
      receivedAtMs: Date.now(),
    });
    if (claim.kind === "granted") {
      await ledger.settle({ key: idempotencyKey(step), fence: claim.fence }, result(state));
    }
    const body = bodyFor(step.stepKey, { run_id: step.runId });
    const reason = { reason: "crash_loop", detail: "SIGKILL", errorClass: null, fingerprint: null };
    const { attributes } = deadLetterAttributes({
      message: message(`m${i}`, { body }),
      reason: { ...reason, starts: 3, worker: "worker" },
      sourceUrl: url,
      buriedAtMs: Date.now(),
    });
    await sendMessage(sqs, deadLetterUrl, { body, attributes, groupId: `g${i}`, deduplicationId: `d${i}` });
  }
  await ledger.close();
}

async function show(title: string, { url }: QueuePair, args: readonly string[]): Promise<void> {
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    DAGSTER_HOME: home,
    TASKIQ_PYTHON: PYTHON,
    TASKIQ_QUEUE_URL: url,
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
  };
  const [began, asked] = [performance.now(), server.requests.length];
  const child = spawn(process.execPath, [bundle, ...args], { stdio: ["ignore", "pipe", "inherit"], env });
  const [printed] = await Promise.all([text(child.stdout), once(child, "close")]);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  const letters = `${printed.split("\n").length - 1} dead letters in ${seconds} s`;
  const requests = Object.entries(Object.groupBy(server.requests.slice(asked), ({ action }) => action));
  const counted = requests.map(([action, same = []]) => `${same.length} ${action}`).join(", ");
  process.stdout.write(`${title.padEnd(28)}${letters}, ${server.requests.length - asked} requests: ${counted}\n`);
}
