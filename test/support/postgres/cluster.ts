// One throw-away PostgreSQL: made in a temporary directory, listening on a free port of 127.0.0.1,
// gone without a trace afterwards.
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePort } from "../../../cli/dev/ports.ts";
import { findBinaries } from "./binaries.ts";

/** Parameters of postgresql.conf. */
export type PostgresSettings = Readonly<Record<string, string>>;

export interface Cluster {
  /** As superuser `postgres`, without a password. */
  readonly url: string;
  /** Ends every connection, then the server, and removes its files. */
  stop(): Promise<void>;
}

interface Place {
  readonly binaries: string;
  /** Holds the data, and belongs to `user`. */
  readonly home: string;
  /** PostgreSQL refuses to run as root. Empty: as the user who runs the tests. */
  readonly user: Pick<SpawnOptions, "uid" | "gid">;
}

/**
 * A test's data is worth nothing after it, and its queries are too short for the compiler to pay.
 */
const tuning: PostgresSettings = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  jit: "off",
  max_connections: "300",
  shared_buffers: "64MB",
  unix_socket_directories: "",
  listen_addresses: "127.0.0.1",
  lc_messages: "C",
};

/** Another program may take the port between its choice and its use. */
const portAttempts = 5;
const ready = "database system is ready to accept connections";

/** `settings` win over those that make tests fast. */
export async function startCluster(settings: PostgresSettings = {}, find = findBinaries): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), "taskiq-postgres-"));
  const remove = () => rm(directory, { recursive: true, force: true, maxRetries: 5 });
  try {
    const place = { ...(await makePlace(directory)), binaries: await find(directory) };
    await createData(place);
    const { server, port } = await startServer(place, { ...tuning, ...settings });
    const stop = async () => {
      await end(server);
      await remove();
    };
    return { url: `postgresql://postgres@127.0.0.1:${port}/postgres`, stop };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function makePlace(directory: string): Promise<Omit<Place, "binaries">> {
  // Passable, so that another user reaches what is inside.
  await chmod(directory, 0o755);
  const user = await serverUser();
  const home = join(directory, "home");
  await mkdir(home);
  if (user.uid !== undefined && user.gid !== undefined) await chown(home, user.uid, user.gid);
  return { home, user };
}

/** initdb looks its user up by name, so it must be one that the system knows. */
async function serverUser(): Promise<Place["user"]> {
  if (process.getuid?.() !== 0) return {};
  const lines = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  const line = ["postgres", "nobody"].flatMap((name) => lines.find(([found]) => found === name) ?? []);
  const [, , uid, gid] = line;
  if (uid === undefined || gid === undefined) throw new Error("no user postgres or nobody to run PostgreSQL as");
  return { uid: Number(uid), gid: Number(gid) };
}

async function createData(place: Place): Promise<void> {
  const args = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
  const initdb = start(place, "initdb", [...args, `--pgdata=${place.home}/data`]);
  const said = await saidUntilEnd(initdb);
  if (initdb.exitCode !== 0) throw new Error(`initdb ended with ${initdb.exitCode}:\n${said}`);
}

async function startServer(place: Place, settings: PostgresSettings): Promise<{ server: ChildProcess; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const parameters = Object.entries({ ...settings, port: String(port) }).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]);
    const server = start(place, "postgres", ["-D", `${place.home}/data`, ...parameters]);
    const failure = await failureToStart(server);
    if (failure === null) return { server, port };
    if (attempt === portAttempts || !failure.includes("Address already in use")) {
      throw new Error(`postgres did not start:\n${failure}`);
    }
  }
}

/** Null once the server answers; else what it said before it ended. */
async function failureToStart(server: ChildProcess): Promise<string | null> {
  const untilReady = new Promise<null>((resolve) => {
    let text = "";
    server.stderr?.on("data", (chunk) => {
      text += chunk;
      if (text.includes(ready)) resolve(null);
    });
  });
  const failure = await Promise.race([untilReady, saidUntilEnd(server)]);
  // Discard the rest of its log: a full pipe would stop the server.
  server.stderr?.removeAllListeners("data").resume();
  return failure;
}

async function saidUntilEnd(child: ChildProcess): Promise<string> {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (chunk) => (text += chunk));
  await once(child, "close");
  return text;
}

/**
 * In a process group of its own: a Ctrl-C in the terminal goes only to the program that started it,
 * which then ends it in order.
 */
function start({ binaries, home, user }: Place, program: string, args: readonly string[]): ChildProcess {
  const env = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };
  return spawn(join(binaries, program), args, {
    cwd: home,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    ...user,
  });
}

/** SIGINT is PostgreSQL's fast shutdown: it disconnects clients and waits for its children. */
async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, "close");
  server.kill("SIGINT");
  await ended;
}
