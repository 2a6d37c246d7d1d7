// A program of the demo: a child process with its log in a file, and an end that comes when asked.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { DemoFailed } from "./demo-failed.ts";

export interface ProgramOptions {
  /** For people: "the worker". */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What it writes to stderr, and to stdout unless `lines` is wanted. */
  readonly log: string;
  /** Called with each line of stdout. */
  readonly onLine?: (line: string) => void;
  /** How long it may take to end once told to. */
  readonly graceMs: number;
}

const tailLines = 15;

export class Program {
  /** Resolves when the process is gone: `exit code 1`, `SIGKILL`, or why it could not start. Never rejects. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #options: ProgramOptions;
  #running = true;

  constructor(options: ProgramOptions) {
    this.#options = options;
    const log = openSync(options.log, "a");
    const [command, ...args] = options.command;
    // In a group of its own: Ctrl-C in the terminal is for the demo alone, which ends its programs in the right order.
    this.#child = spawn(command, args, {
      detached: true,
      env: options.env,
      stdio: ["pipe", options.onLine === undefined ? log : "pipe", log],
    });
    closeSync(log);
    this.ended = this.#follow();
  }

  get running(): boolean {
    return this.#running;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Writes a line to its stdin. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Rejects with the end of its log as soon as the process ends: nothing that the demo needs may end by itself. */
  async mustGoOn(): Promise<never> {
    const how = await this.ended;
    throw new DemoFailed(`${this.#options.name} ended: ${how}`, { detail: this.tail() });
  }

  /** SIGTERM, and SIGKILL to the group when the grace is over or `hurrying` aborts. */
  async stop(hurrying: AbortSignal): Promise<void> {
    if (!this.#running) return;
    const kill = () => this.#killGroup();
    const timer = setTimeout(kill, this.#options.graceMs);
    hurrying.addEventListener("abort", kill);
    if (hurrying.aborted) kill();
    this.#child.kill("SIGTERM");
    await this.ended;
    clearTimeout(timer);
    hurrying.removeEventListener("abort", kill);
  }

  /** The end of its log, with where the rest is. */
  tail(): string {
    const lines = readFileSync(this.#options.log, "utf8").trimEnd().split("\n");
    const shown = lines.slice(-tailLines).map((line) => `  ${line}\n`);
    return `The last lines of ${this.#options.log}:\n${shown.join("")}`;
  }

  #follow(): Promise<string> {
    const { onLine } = this.#options;
    if (onLine !== undefined && this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on("line", onLine);
    }
    // A program that has just died makes a write to it fail; its end is reported by 'close'.
    this.#child.stdin?.on("error", () => undefined);
    return new Promise((resolve) => {
      const end = (how: string) => {
        this.#running = false;
        resolve(how);
      };
      this.#child.on("error", (error) => end(error.message));
      this.#child.on("close", (code, signal) => end(code === null ? String(signal) : `exit code ${code}`));
    });
  }

  #killGroup(): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // ESRCH: it ended this moment.
    }
  }
}
