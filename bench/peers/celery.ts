// dagster-celery with Redis as its broker: a run worker, a Celery worker with two processes.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { freePort } from "../../cli/dev/ports.ts";
import { eventually } from "../../test/support/eventually.ts";
import type { Contender } from "./contenders.ts";
import { totalCpu } from "./cpu-account.ts";
import type { Instance } from "./instance.ts";
import type { RedisProgram } from "./peer-environment.ts";
import { RunWorker } from "./run-worker.ts";

const START_MS = 120_000;

export async function startCelery(instance: Instance, python: string, redis: RedisProgram): Promise<Contender> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}/0`;
  const server = spawn(redis.path, ["--port", String(port), "--bind", "127.0.0.1", "--save", ""], {
    env: { ...process.env, LD_LIBRARY_PATH: redis.libraries },
    stdio: "ignore",
  });
  // As `dagster-celery worker start` does it, without the process around it.
  const settings = { broker_url: url, result_backend: url, worker_concurrency: 2 };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
  writeFileSync(join(instance.home, "dagster_celery_config.py"), lines.join(""));
  const args = ["-m", "celery", "-A", "dagster_celery.app", "worker", "--prefetch-multiplier=1", "--loglevel", "INFO"];
  const env = { ...instance.env(), PYTHONPATH: instance.home };
  const worker = spawn(python, args, { env, cwd: instance.home, stdio: ["ignore", "pipe", "pipe"] });
  await ready(worker);
  const runWorker = new RunWorker(python, instance.env());
  return {
    executor: "celery",
    runWorker,
    config: { execution: { config: { broker: url, backend: url } } },
    cpu: () => ({ "Celery worker": totalCpu(worker.pid ?? 0), Redis: totalCpu(server.pid ?? 0) }),
    stop: async () => {
      await runWorker.stop();
      await end(worker);
      await end(server);
    },
  };
}

async function ready(worker: ChildProcess): Promise<void> {
  let said = "";
  for (const stream of [worker.stdout, worker.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-10_000);
    });
  }
  const gone = () => worker.exitCode !== null;
  await eventually("the Celery worker is ready or gone", () => gone() || / ready\.\s/.test(said), START_MS);
  if (gone()) throw new Error(`the Celery worker ended before it was ready:\n${said}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
