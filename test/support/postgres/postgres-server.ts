// A throw-away PostgreSQL for tests. Modules call `startPostgres()`. Tests in another language
// start it as a program, which prints `{"url": …}` once the server answers, and ends it with its
// stdin or on SIGTERM. Arguments are settings, such as `ssl=on`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type PostgresSettings, startCluster } from "./cluster.ts";

export interface PostgresServer {
  /** As superuser `postgres`, without a password, on 127.0.0.1. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Through the program, which sees its stdin end however this process dies, so that no server
 * outlives its test.
 */
export async function startPostgres(settings: PostgresSettings = {}): Promise<PostgresServer> {
  const args = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const program = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(program, "close");
  const [line] = await Promise.race([once(createInterface(program.stdout), "line"), ended]);
  if (typeof line !== "string") throw new Error("the PostgreSQL server for tests did not start; its words are above");
  const { url } = JSON.parse(line) as { url: string };
  const stop = async () => {
    program.stdin.end();
    await ended;
  };
  return { url, stop };
}

async function main(args: readonly string[]): Promise<void> {
  const signalled = new Promise((resolve) => {
    process.stdin.resume().once("end", resolve).once("error", resolve);
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, resolve);
  });
  const settings = args.map((arg) => [arg.slice(0, arg.indexOf("=")), arg.slice(arg.indexOf("=") + 1)]);
  const cluster = await startCluster(Object.fromEntries(settings));
  process.stdout.write(`${JSON.stringify({ url: cluster.url })}\n`);
  await signalled;
  await cluster.stop();
  process.stdin.destroy();
}

if (import.meta.main) await main(process.argv.slice(2));
