// `taskiq dev` as a person runs it: in a project of their own, from the bundle, until a signal ends
// it.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually } from "../eventually.ts";
import { endProcesses, type Mark, markedProcesses, noneMarked } from "./marked-processes.ts";
import { taskiqCommand } from "./taskiq-command.ts";

export const PYTHON = fileURLToPath(new URL("../../../.venv/bin/python", import.meta.url));

/** Importing Dagster in several processes at once, on a busy machine. */
const START_MS = 180_000;
let started = 0;

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

export class TaskiqDev {
  readonly mark: Mark;
  readonly #child: ChildProcess;
  readonly #cwd: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  #output = "";

  constructor(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    started += 1;
    this.mark = `DEV_TEST=${process.pid}-${started}`;
    const [name, value] = this.mark.split("=") as [string, string];
    this.#cwd = cwd;
    this.#env = { PATH: process.env["PATH"], HOME: cwd, NO_COLOR: "1", ...env, [name]: value };
    const [program, ...before] = taskiqCommand();
    this.#child = spawn(program, [...before, "dev", "--python", PYTHON, ...args], {
      cwd,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#collect(this.#child);
  }

  /** Everything it printed so far. */
  get output(): string {
    return this.#output;
  }

  /** Waits until it has printed that; returns the match. */
  async says(pattern: RegExp, withinMs = START_MS): Promise<RegExpExecArray> {
    const ended = () => this.#child.exitCode !== null;
    await eventually(`it says ${pattern}`, () => pattern.test(this.#output) || ended(), withinMs);
    const found = pattern.exec(this.#output);
    assert.ok(found !== null, `expected ${pattern}, got:\n${this.#output}`);
    return found;
  }

  /** A command in another shell, which has sourced the file of variables. */
  async inOtherShell(command: string): Promise<Ran> {
    const child = spawn("sh", ["-c", `. .taskiq/dev.env; ${command}`], {
      cwd: this.#cwd,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    const [code] = await once(child, "close");
    return { code, output };
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Kills the process of it whose command line has this text. */
  kill(text: string): void {
    const found = markedProcesses(this.mark).filter(({ command }) => command.includes(text));
    assert.notEqual(found.length, 0, `no process with ${text}`);
    endProcesses(found);
  }

  /**
   * Waits for its end, and until no process and none of its ports is left. Returns its exit code.
   */
  async ends(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, "close");
    await noneMarked(this.mark);
    for (const [, port] of this.#output.matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g)) {
      await assert.rejects(fetch(`http://127.0.0.1:${port}`), `port ${port} is still open`);
    }
    return this.#child.exitCode;
  }

  /** For the end of a test that failed. */
  clear(): void {
    endProcesses(markedProcesses(this.mark));
  }

  #collect({ stdout, stderr }: ChildProcess): void {
    for (const stream of [stdout, stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
      });
    }
  }
}
