// `node bench/stopping.ts [--rounds 5]`: how long an idle worker with a real step host lives after
// SIGTERM, on a FIFO and on a standard queue of a local SQS server. Each round has a worker of its
// own, whose long poll has the usual 20 s.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { DEFINITIONS_PARENT, PYTHON } from "../test/support/dagster/dagster-sidecar.ts";
import { eventually } from "../test/support/eventually.ts";
import { createQueues, LOCAL_CREDENTIALS, LOCAL_REGION } from "../test/support/sqs/local-sqs.ts";
import { startSqsServer } from "../test/support/sqs/server/http.ts";
import { asLocalSqs } from "../test/support/sqs/server/local.ts";
import { WorkerProcess } from "../test/support/taskiq/worker-process.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const definitions = DEFINITIONS_PARENT;
const home = mkdtempSync(join(tmpdir(), "taskiq-bench-"));
writeFileSync(join(home, "dagster.yaml"), "telemetry:\n  enabled: false\n");
const server = await startSqsServer();

for (const fifo of [true, false]) {
  const tookMs: number[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const { url } = await createQueues(asLocalSqs(server), `stops-${fifo}-${round}`, { fifo });
    const worker = start(url);
    await eventually(
      "the worker polls",
      () => server.requests.some(({ action, input }) => action === "ReceiveMessage" && input["QueueUrl"] === url),
      120_000,
    );
    const sinceMs = performance.now();
    worker.signal("SIGTERM");
    await worker.exited;
    tookMs.push(performance.now() - sinceMs);
  }
  process.stdout.write(`${fifo ? "FIFO" : "standard"}: ${shown(tookMs)}\n`);
}
await server.stop();
rmSync(home, { recursive: true, force: true });

function shown(ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  return `median ${sorted[Math.floor(sorted.length / 2)]?.toFixed(0)} ms, longest ${sorted.at(-1)?.toFixed(0)} ms`;
}

function start(url: string): WorkerProcess {
  return new WorkerProcess({
    args: [
      "run",
      "--queue-url",
      url,
      "--python",
      PYTHON,
      "-m",
      "definitions",
      "-d",
      definitions,
      "--health-port",
      "0",
      "--log-format",
      "json",
    ],
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      DAGSTER_HOME: home,
      TASKIQ_STATE_DIR: join(home, "state"),
      AWS_ENDPOINT_URL_SQS: server.endpoint,
      AWS_REGION: LOCAL_REGION,
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    },
  });
}
