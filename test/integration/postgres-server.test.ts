// The PostgreSQL that other tests stand on. It is real for every user and source of binaries, and
// goes without a trace.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { eventually } from "../support/eventually.ts";
import { npmBinaries } from "../support/postgres/binaries.ts";
import { startCluster } from "../support/postgres/cluster.ts";
import { startPostgres } from "../support/postgres/postgres-server.ts";

const programPath = fileURLToPath(new URL("../support/postgres/postgres-server.ts", import.meta.url));

async function ask(url: string, question: string): Promise<string> {
  const sql = postgres(url, { max: 1 });
  const [row] = await sql.unsafe(question);
  await sql.end();
  return String(row?.["answer"]);
}

const directoryOf = (url: string) => ask(url, "SELECT current_setting('data_directory') AS answer");

/** Its process has ended and its files are gone. */
async function isGone(url: string, directory: string): Promise<void> {
  await eventually("the server's files are gone", () => !existsSync(directory));
  await assert.rejects(ask(url, "SELECT 1 AS answer"), { code: "ECONNREFUSED" });
}

test("a server takes the settings it is given, and leaves nothing behind", async () => {
  const server = await startPostgres({ max_connections: "7" });
  const directory = await directoryOf(server.url);
  assert.equal(await ask(server.url, "SELECT current_setting('max_connections') AS answer"), "7");
  await server.stop();
  await isGone(server.url, directory);
});

test("the binaries from npm make a server, too, also for root", async () => {
  const cluster = await startCluster({}, npmBinaries);
  try {
    assert.match(await ask(cluster.url, "SELECT version() AS answer"), /^PostgreSQL 18\./);
  } finally {
    await cluster.stop();
  }
});

test("a setting that the server refuses is an error that says so", async () => {
  await assert.rejects(startCluster({ max_connections: "many" }), /postgres did not start:\n.*max_connections/);
});

const ways: readonly (readonly [string, (program: ReturnType<typeof spawn>) => void])[] = [
  ["its stdin ends", (program) => program.stdin?.end()],
  ["it gets SIGTERM", (program) => program.kill("SIGTERM")],
];

for (const [title, end] of ways) {
  test(`the program ends its server when ${title}`, async () => {
    const program = spawn(process.execPath, [programPath], { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = await once(createInterface(program.stdout), "line");
    const { url } = JSON.parse(line);
    const directory = await directoryOf(url);
    end(program);
    const [code] = await once(program, "close");
    assert.equal(code, 0);
    await isGone(url, directory);
  });
}

test("a server ends with the process that asked for it, however that process dies", async () => {
  const script = `import { startPostgres } from ${JSON.stringify(programPath)};
    console.log((await startPostgres()).url);`;
  const asker = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [url] = await once(createInterface(asker.stdout), "line");
  const directory = await directoryOf(url);
  asker.kill("SIGKILL");
  await isGone(url, directory);
});
