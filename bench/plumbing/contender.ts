// One contender as a process of its own. It gets its job over IPC and measures itself.
import process from "node:process";
import type { Job } from "./job.ts";
import { startSdkAlone } from "./sdk-alone.ts";
import { startSqsConsumer } from "./sqs-consumer.ts";
import { Stopwatch } from "./stopwatch.ts";
import { startTaskiq } from "./taskiq.ts";

const starts = { "sqs-consumer": startSqsConsumer, "sdk-alone": startSdkAlone, taskiq: startTaskiq };

process.once("message", (job: Job) => {
  void run(job);
});

async function run(job: Job): Promise<void> {
  const watch = new Stopwatch(job);
  await watch.prepare();
  const stop = await starts[job.contender](job, (messages?: number) => watch.ended(messages));
  const measured = await watch.done;
  await stop();
  process.send?.(measured, () => process.exit());
}
