// A program beside the worker: a child process whose lines are passed on, and an end that comes
// when asked.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { systemClock } from "../../core/clock.ts";
import { onAbort } from "../../core/on-abort.ts";
import { signalGroup } from "../../core/process-group.ts";

export interface ProgramOptions {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called with each line of its output. */
  readonly onLine: (line: string, from: "stdout" | "stderr") => void;
  readonly stopSignal: "SIGINT" | "SIGTERM";
  /** How long it may take to end once it was asked to. */
  readonly graceMs: number;
}

export class Program {
  /**
   * Resolves when the process is gone: `exit code 1`, `SIGKILL`, or why it could not start. Never
   * rejects.
   */
  readonly ended: Promise<string>;
  /**
   * Resolves like `ended`, once its output was read to the end, too. What it started may hold that
   * open.
   */
  readonly closed: Promise<string>;
  readonly #child: ChildProcess;
  readonly #options: ProgramOptions;
  #running = true;

  constructor(options: ProgramOptions) {
    this.#options = options;
    const [command, ...args] = options.command;
    // In a group of its own: Ctrl-C in the terminal is for its parent alone, which ends its
    // programs in the right order.
    this.#child = spawn(command, args, { detached: true, env: options.env, stdio: ["pipe", "pipe", "pipe"] });
    this.ended = this.#follow();
    this.closed = this.#close();
  }

  get running(): boolean {
    return this.#running;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Writes a line to its stdin. */
  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /**
   * Sends its stop signal, and SIGKILL to its group when the grace is over or `hurrying` aborts.
   */
  async stop(hurrying: AbortSignal): Promise<void> {
    if (!this.#running) return;
    const grace = systemClock.deadline(this.#options.graceMs, [hurrying]);
    const undo = onAbort(grace.signal, () => this.#killGroup());
    this.#child.kill(this.#options.stopSignal);
    await this.ended;
    undo();
    grace.clear();
  }

  #follow(): Promise<string> {
    this.#read(this.#child.stdout, "stdout");
    this.#read(this.#child.stderr, "stderr");
    // A program that has just died makes a write to it fail; its end is reported by 'exit'.
    this.#child.stdin?.on("error", () => undefined);
    return new Promise((resolve) => {
      const end = (how: string) => {
        this.#running = false;
        resolve(how);
      };
      this.#child.on("error", (error) => end(error.message));
      this.#child.on("exit", (code, signal) => end(code === null ? String(signal) : `exit code ${code}`));
    });
  }

  async #close(): Promise<string> {
    const closed = new Promise<void>((resolve) => this.#child.once("close", () => resolve()));
    const how = await this.ended;
    // A program that could not be started has no output to close.
    if (this.#child.pid !== undefined) await closed;
    return how;
  }

  #read(stream: Readable | null, from: "stdout" | "stderr"): void {
    if (stream === null) return;
    createInterface({ input: stream }).on("line", (line) => this.#options.onLine(line, from));
  }

  #killGroup(): void {
    if (this.#child.pid !== undefined) signalGroup(this.#child.pid);
  }
}
