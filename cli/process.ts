// Hands the process to the program, and ends it.
import { statSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import type { Writable } from "node:stream";
import type { Io } from "./command.ts";
import { commands } from "./commands.ts";
import { forgetVariables } from "./forget-variables.ts";
import { runUnderInit } from "./init.ts";
import { runProgram } from "./program.ts";
import { flush } from "./terminal/flush.ts";
import { hearStrayOutput, withoutExpectedWarnings } from "./terminal/stray-output.ts";

const opened = new Set<Writable>();

/**
 * Opening a stream costs milliseconds that a health check without anything to say need not spend.
 */
function open<S extends Writable>(stream: S): S {
  // The reader has gone (EPIPE). The worker goes on, and has nowhere to report it.
  if (!opened.has(stream)) stream.on("error", () => undefined);
  opened.add(stream);
  return stream;
}

function userId(): number | null {
  try {
    return process.getuid?.() ?? null;
  } catch {
    return null;
  }
}

const io: Io = {
  get stdout() {
    return open(process.stdout);
  },
  get stderr() {
    return open(process.stderr);
  },
  env: process.env,
  signals: process,
  runUnderInit,
  forgetVariables,
  hearStray: (hear) => hearStrayOutput(process, console, hear),
  machine: {
    hostname,
    pid: () => process.pid,
    uid: userId,
    tmpdir,
    isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
  },
};

withoutExpectedWarnings(process);
const exitCode = await runProgram(process.argv.slice(2), io, commands);
await Promise.all([...opened].map(flush));
// Exit explicitly. A socket that a library left open would otherwise keep a finished worker alive.
process.exit(exitCode);
