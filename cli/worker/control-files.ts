// The file in which a worker leaves the address and the token of its control endpoint, for an
// operator on the same machine. Each worker has a file of its own, which only its user can read.
import { randomBytes, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import * as v from "valibot";
import { CONTROL_HOST } from "../../core/endpoints/control-server.ts";
import { Fault } from "../../core/faults.ts";

/** Who looks for the files, and where. */
export interface ControlPlace {
  readonly directory: string;
  /** `null` where the runtime does not know it. */
  readonly uid: number | null;
  /** Containers may share a directory, and never each other's loopback. */
  readonly hostname: string;
}

const schema = v.object({
  version: v.literal(1),
  host: v.string(),
  pid: v.number(),
  worker: v.string(),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
  token: v.pipe(v.string(), v.minLength(32)),
});

export type ControlFile = v.InferOutput<typeof schema> & { readonly path: string };

const NAME = /^control-[\w-]+\.json$/;
const LONGEST_FILE = 4_096;
/** Loopback answers at once or not at all. */
const ANSWER_MS = 1_000;

export function newToken(): string {
  return randomBytes(32).toString("hex");
}

/**
 * Returns the file's path. Rejects with a `Fault` when the directory is not this user's alone, or
 * cannot be written to.
 */
export async function writeControlFile(
  place: ControlPlace,
  content: Pick<ControlFile, "pid" | "worker" | "port" | "token">,
): Promise<string> {
  const { directory, hostname } = place;
  requireUser(place);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannot("make", directory, error);
  }
  await requirePrivate(place);
  const name = `control-${randomUUID()}.json`;
  const draft = join(directory, `.${name}`);
  try {
    // Exclusively, so that no file or link of that name is written through. Renamed when it is
    // whole.
    const file = await open(draft, "wx", 0o600);
    await file.writeFile(`${JSON.stringify({ version: 1, host: hostname, ...content })}\n`);
    await file.close();
    await rename(draft, join(directory, name));
  } catch (error) {
    throw cannot("write to", directory, error);
  }
  return join(directory, name);
}

/**
 * Reads the files of this machine's workers, dead ones too. No directory means no files. Rejects
 * with a `Fault`, as above.
 */
export async function readControlFiles(place: ControlPlace): Promise<readonly ControlFile[]> {
  if ((await statusOf(place.directory)) === null) return [];
  const owner = await requirePrivate(place);
  const names = (await entriesOf(place.directory)).filter((name) => NAME.test(name)).sort();
  const files = await Promise.all(names.map((name) => readControlFile(join(place.directory, name), owner)));
  return files.filter((file) => file !== null).filter(({ host }) => host === place.hostname);
}

/** Removes the files of workers that were killed. */
export async function sweepControlFiles(place: ControlPlace): Promise<void> {
  const files = await readControlFiles(place);
  const answers = await Promise.all(files.map(async (file) => [file, await isAnswered(file)] as const));
  for (const [file, answered] of answers) if (!answered) await removeControlFile(file.path);
}

/** A file that cannot be removed now is left to the next worker: a stop must not fail for it. */
export async function removeControlFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch {
    // Another user has swapped the directory, or its rights were taken away.
  }
}

function requireUser({ uid }: ControlPlace): number {
  if (uid !== null) return uid;
  throw new Fault("TQ_CONFIG", "this runtime does not say which user this is (Deno: --allow-sys=uid)");
}

/** Returns the directory's user. */
async function requirePrivate(place: ControlPlace): Promise<number> {
  const { directory } = place;
  const uid = requireUser(place);
  const status = await statusOf(directory);
  if (status?.isDirectory() !== true)
    throw new Fault("TQ_CONFIG", `${directory} is not a directory, or is a link to one`);
  // Root may ask the worker of another user, whose directory it is.
  if (status.uid !== uid && uid !== 0)
    throw new Fault("TQ_CONFIG", `${directory} belongs to another user (uid ${status.uid})`);
  if ((status.mode & 0o077) !== 0) {
    const hint = "Take the others' rights away (chmod 700), or name another directory with --state-dir.";
    throw new Fault("TQ_CONFIG", `${directory} is open to other users`, { hint });
  }
  return status.uid;
}

async function entriesOf(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    throw cannot("read", directory, error);
  }
}

function cannot(what: string, directory: string, cause: unknown): Fault {
  return new Fault("TQ_CONFIG", `cannot ${what} ${directory}`, { cause });
}

async function statusOf(path: string) {
  try {
    return await lstat(path);
  } catch {
    return null;
  }
}

/**
 * Returns `null` for a file that is gone or not a worker's. Checks user and mode of the opened file
 * too: in a directory that others may write to, the directory itself can be swapped after it was
 * looked at.
 */
async function readControlFile(path: string, owner: number): Promise<ControlFile | null> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = await file.stat();
      if (!status.isFile() || ![owner, 0].includes(status.uid) || (status.mode & 0o077) !== 0) return null;
      const { buffer, bytesRead } = await file.read(Buffer.alloc(LONGEST_FILE), 0, LONGEST_FILE, 0);
      const read = v.safeParse(schema, JSON.parse(buffer.toString("utf8", 0, bytesRead)));
      return read.success ? { ...read.output, path } : null;
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}

/**
 * False only when no process listens there any more. Sends nothing, since the listener may be
 * another program.
 */
function isAnswered({ port }: ControlFile): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: CONTROL_HOST, port, timeout: ANSWER_MS });
    const finish = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", () => finish(true));
    socket.once("timeout", () => finish(true));
    socket.once("error", (error: NodeJS.ErrnoException) => finish(error.code !== "ECONNREFUSED"));
  });
}
