// `node bench/healthcheck.ts [--rounds 40]`: the CPU time of a container's health check, beside
// that of an empty Node program. The two run in turn, so that both bear the same machine. The
// figures are the kernel's own account of the ended processes, on Linux.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { systemClock } from "../core/clock.ts";
import { startHealthServer } from "../core/endpoints/health-server.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "40" } } });
const rounds = Number(values.rounds);
const built = (name: string) => fileURLToPath(new URL(`../dist/${name}`, import.meta.url));

/** Of the kernel's account, for whatever architecture. */
const MS_PER_TICK = 10;

/** A worker's that is well, whatever the time. */
const facts = () => ({
  started: true,
  stopping: false,
  waitMs: 1_000,
  closedBecause: null,
  broken: null,
  busy: 0,
  slots: 1,
  pollingSinceMs: null,
  lastTurnAtMs: systemClock.monoMs(),
  readyWithinMs: null,
});
const place = { host: "127.0.0.1", port: 0, observe: () => undefined };
let aheadMs = 0;
const clock = { monoMs: () => systemClock.monoMs() + aheadMs };
const server = await startHealthServer({
  metrics: async () => "",
  status: null,
  ...place,
  worker: "bench",
  clock,
  facts,
});
// It has been ready for long.
await fetch(`http://127.0.0.1:${server.port}/readyz`);
aheadMs = 5_000;
const asked = ["healthcheck", "--health-port", String(server.port)];
const connects = `require("node:net").connect(${server.port}, "127.0.0.1", () => process.exit())`;
const candidates: readonly (readonly [name: string, program: string, args: readonly string[]])[] = [
  ["node -e 0", process.execPath, ["-e", "0"]],
  ["one connection, nothing else", process.execPath, ["-e", connects]],
  ["taskiq.mjs healthcheck", process.execPath, [built("taskiq.mjs"), ...asked]],
  ["taskiq healthcheck", built("taskiq"), asked],
];

const spent = new Map<string, number>();
for (let round = 0; round < rounds; round += 1) {
  for (const [name, program, args] of candidates) {
    if (program === built("taskiq") && !existsSync(program)) continue;
    const before = ofChildrenMs();
    const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"] });
    await once(child, "exit");
    if (child.exitCode !== 0) throw new Error(`${name} ended with ${child.exitCode}`);
    spent.set(name, (spent.get(name) ?? 0) + ofChildrenMs() - before);
  }
}
await server.close();
const least = spent.get("node -e 0") ?? Number.NaN;
for (const [name, ms] of spent) {
  const each = `${(ms / rounds).toFixed(0)} ms CPU`;
  process.stdout.write(`${name.padEnd(30)} ${each.padStart(10)} ${(ms / least).toFixed(2).padStart(6)} ×\n`);
}

/** CPU time of all children that have ended. */
function ofChildrenMs(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  // The 14th and 15th field behind the name: user's and system's, of those that were waited for.
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(13, 15)
    .map(Number);
  return (user + system) * MS_PER_TICK;
}
