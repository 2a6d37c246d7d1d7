// The Postgres ledger for tests in another language. Started with a URL and a schema, this program
// reads calls from stdin, one JSON array of a method's name and its arguments in each line, and
// prints each answer. It ends with its stdin.
import process from "node:process";
import { createInterface } from "node:readline";
import { systemClock } from "../../../core/clock.ts";
import type { Ledger } from "../../../core/ledger/port.ts";
import { openPostgresLedger } from "../../../core/ledger/postgres/postgres.ts";

type Method = "claim" | "renew" | "permit" | "settle" | "abandon" | "find" | "reopen";

async function main(url: string, schema: string): Promise<void> {
  const { hostname: host, port, username, pathname } = new URL(url);
  const place = { host, port: Number(port), user: username, password: "", database: pathname.slice(1), schema };
  const ledger = await openPostgresLedger({
    target: { ...place, sslMode: "disable", caFile: null, passFile: null, pooler: false },
    writeBoundMs: 5_000,
    answerMs: 30_000,
    applicationName: "taskiq-test",
    clock: systemClock,
    chance: Math.random,
  });
  for await (const line of createInterface(process.stdin)) {
    process.stdout.write(`${JSON.stringify(await answer(ledger, line))}\n`);
  }
  await ledger.close();
}

function answer(ledger: Ledger, line: string): Promise<unknown> {
  const [method, ...parameters] = JSON.parse(line) as [Method, ...unknown[]];
  const ask = ledger[method] as (...given: unknown[]) => Promise<unknown>;
  return ask.apply(ledger, parameters);
}

const [url = "", schema = ""] = process.argv.slice(2);
await main(url, schema);
