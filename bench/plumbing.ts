// `node bench/plumbing.ts [--messages 6000] [--slots 32] [--fifo] [--profile]`: what it costs to
// take a message off the queue, record its step and delete it. It runs beside sqs-consumer, which
// records nothing, on the same SQS server. Compare only the ratios of one run, because times depend
// on the machine.
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";
import { startPostgres } from "../test/support/postgres/postgres-server.ts";
import { createQueues, LOCAL_CREDENTIALS, LOCAL_REGION, type LocalSqs } from "../test/support/sqs/local-sqs.ts";
import { bodyFor } from "../test/support/sqs/messages.ts";
import type { Job, Measured } from "./plumbing/job.ts";

const options = {
  messages: { type: "string", default: "6000" },
  slots: { type: "string", default: "32" },
  fifo: { type: "boolean", default: false },
  profile: { type: "boolean", default: false },
} as const;
const { values } = parseArgs({ options });
const count = Number(values.messages);
const warmUp = Math.ceil(count / 4);

const server = spawn(process.execPath, [path("../test/support/sqs/server/main.ts")], {
  stdio: ["pipe", "pipe", "inherit"],
});
const [line] = await once(createInterface(server.stdout), "line");
const { endpoint } = JSON.parse(line) as { endpoint: string };
const database = await startPostgres();
const scratch = mkdtempSync(join(tmpdir(), "taskiq-bench-"));
try {
  const rows = [
    ["sqs-consumer, nothing recorded", await measure("sqs-consumer", "consumer", null)],
    ["the AWS SDK's calls alone", await measure("sdk-alone", "sdk", null)],
    ["taskiq, SQLite", await measure("taskiq", "sqlite", `sqlite:${join(scratch, "ledger.sqlite")}`)],
    ["taskiq, Postgres", await measure("taskiq", "postgres", database.url)],
  ] as const;
  print(rows);
} finally {
  rmSync(scratch, { recursive: true });
  await database.stop();
  server.stdin.end();
}

async function measure(contender: Job["contender"], name: string, ledger: string | null): Promise<Measured> {
  const local = { endpoint } as LocalSqs;
  const { url } = await createQueues(local, `bench-${name}`, { fifo: values.fifo });
  await fill(url, name);
  const job: Job = {
    contender,
    endpoint,
    queueUrl: url,
    warmUp,
    count,
    concurrency: Number(values.slots),
    ledger,
    profile: values.profile,
  };
  const child = fork(path("plumbing/contender.ts"), { execArgv: [] });
  child.send(job);
  const [measured] = (await once(child, "message")) as [Measured];
  return measured;
}

/** Each message is a step of its own. */
async function fill(url: string, name: string): Promise<void> {
  const client = new SQSClient({ endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS });
  for (let sent = 0; sent < warmUp + count + 100; sent += 10) {
    const Entries = Array.from({ length: 10 }, (_, i) => {
      const step = `step_${sent + i}`;
      const fifo = values.fifo ? { MessageGroupId: step, MessageDeduplicationId: step } : {};
      return { Id: String(i), MessageBody: bodyFor(step, { run_id: name }), ...fifo };
    });
    await client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
  }
  client.destroy();
}

function print(rows: readonly (readonly [string, Measured])[]): void {
  const perCpuSecond = ({ messages, cpuMs }: Measured) => (messages / cpuMs) * 1_000;
  const base = perCpuSecond(rows[0]?.[1] as Measured);
  const lines = rows.map(([name, measured]) => {
    const { messages, wallMs, cpuMs, requests } = measured;
    const cells = [
      `${((cpuMs / messages) * 1_000).toFixed(0)} µs CPU`,
      `${((messages / wallMs) * 1_000).toFixed(0)} msg/s`,
      `${(requests / messages).toFixed(2)} requests`,
      `${(perCpuSecond(measured) / base).toFixed(2)} × messages per CPU second`,
    ];
    return `${name.padEnd(32)}${cells.map((cell) => cell.padStart(17)).join("  ")}`;
  });
  process.stdout.write(`${count} messages, ${values.slots} slots\n${lines.join("\n")}\n`);
  for (const [name, { parts }] of rows.filter(([, measured]) => measured.parts.length > 0)) {
    process.stdout.write(`\n${name}\n`);
    for (const [part, share] of parts.slice(0, 16)) {
      process.stdout.write(`  ${(share * 100).toFixed(1).padStart(5)} %  ${part}\n`);
    }
  }
}

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
