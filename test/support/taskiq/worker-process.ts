// A real worker: the built bundle as a child process, its log read as records, its signals and its
// end in the test's hands.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { eventually } from "../eventually.ts";
import { LogStory } from "../log-story.ts";
import { endProcesses, type Mark, type MarkedProcess, markedProcesses } from "./marked-processes.ts";
import { taskiqCommand } from "./taskiq-command.ts";

/**
 * A line of the worker's log. A line that is not JSON (a crash of the runtime) has the event
 * `not-json`.
 */
export interface LogRecord {
  readonly event: string;
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface WorkerProcessOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What to start instead of the taskiq that is under test. */
  readonly command?: readonly [program: string, ...args: string[]];
  readonly cwd?: string;
}

const root = new URL("../../../", import.meta.url).pathname;
const TAIL_RECORDS = 80;

export class WorkerProcess {
  readonly exited: Promise<Exit>;
  /** Everything logged so far, oldest first. */
  readonly log: LogRecord[] = [];
  /** What the log has not said of deliveries, or has said wrongly. */
  readonly untold: string[] = [];
  readonly stdout: string[] = [];
  readonly #child: ChildProcess;
  /** Everything below this worker has it in its environment. */
  readonly #mark: Mark = `E2E_WORKER=${randomUUID()}`;
  readonly #story = new LogStory();
  #exit: Exit | null = null;

  constructor({ args, env, command = taskiqCommand(), cwd = root }: WorkerProcessOptions) {
    const [name = "", value = ""] = this.#mark.split("=");
    const [program, ...first] = command;
    this.#child = spawn(program, [...first, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...env, [name]: value },
      cwd,
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error("the worker's streams are pipes");
    createInterface({ input: stdout }).on("line", (line) => this.stdout.push(line));
    createInterface({ input: stderr }).on("line", (line) => this.#read(parseRecord(line)));
    // Not 'close': an orphan may hold the pipes, and finding it is what some tests are about.
    this.exited = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  #read(record: LogRecord): void {
    this.log.push(record);
    const { message_id: messageId, receive_count: receiveCount, run_id: runId, step_key: stepKey } = record;
    const untold = this.#story.read({ ...record, messageId, receiveCount, runId, stepKey });
    if (untold !== null) this.untold.push(`${untold}: ${JSON.stringify(record)}`);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the worker could not be spawned");
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#exit === null;
  }

  /** The first record of that event, for which `matches` holds, past or to come. */
  async said(
    event: string,
    matches: (record: LogRecord) => boolean = () => true,
    withinMs = 20_000,
  ): Promise<LogRecord> {
    return await eventually(
      `the worker logs ${event}`,
      () => this.log.find((record) => record.event === event && matches(record)),
      withinMs,
    );
  }

  count(event: string, matches: (record: LogRecord) => boolean = () => true): number {
    return this.log.filter((record) => record.event === event && matches(record)).length;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits for the process to end by itself. */
  async exit(withinMs = 20_000): Promise<Exit> {
    return await eventually("the worker has exited", () => this.#exit, withinMs);
  }

  /** Ends it the fast way that still lets it clean up. */
  async stop(): Promise<Exit> {
    this.signal("SIGTERM");
    this.signal("SIGTERM");
    return await this.exit();
  }

  /** Itself, while it lives, and everything it started, directly or not. */
  processes(): readonly MarkedProcess[] {
    return markedProcesses(this.#mark);
  }

  /** SIGKILL to the worker alone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited;
  }

  /** What the end of its container does: SIGKILL to everything in it. */
  async killContainer(): Promise<void> {
    endProcesses(this.processes());
    await this.exited;
  }

  /**
   * The last lines of its log, for a test that failed; what steps print is left to Dagster's own
   * log.
   */
  tail(): string {
    return this.log
      .filter(({ message }) => !message.includes(" - dagster - "))
      .slice(-TAIL_RECORDS)
      .map((record) => JSON.stringify(record))
      .join("\n");
  }
}

function parseRecord(line: string): LogRecord {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record === "object" && record !== null && "event" in record) return record as LogRecord;
  } catch {
    // said below
  }
  return { event: "not-json", level: "error", message: line };
}
