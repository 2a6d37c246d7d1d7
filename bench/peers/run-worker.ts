// The bench's side of `run_worker.py`: launches runs and hears how long they took.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface LaunchedRun {
  readonly runId: string;
  /** Lets the run begin, and resolves when it has ended. */
  execute(): Promise<EndedRun>;
}

export interface EndedRun {
  readonly wallMs: number;
  /** Of the run worker and of what it started itself. */
  readonly cpuMs: number;
  /** From each step's order to its start; only for executors that write their orders down. */
  waitsMs(): Promise<readonly number[]>;
}

/** Characters of its stderr that an error shows. */
const TAIL = 4_000;

export class RunWorker {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;
  #errors = "";

  constructor(python: string, env: Readonly<Record<string, string>>) {
    const folder = fileURLToPath(new URL(".", import.meta.url));
    this.#child = spawn(python, ["run_worker.py"], { cwd: folder, env, stdio: "pipe" });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error("the run worker's streams are pipes");
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]();
    stderr.setEncoding("utf8").on("data", (text: string) => this.#keep(text));
    // Not "close": processes of a run that was killed may hold the pipes.
    this.#exited = once(this.#child, "exit");
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The first run waits for the import of Dagster. */
  async create(job: string, config: Readonly<Record<string, unknown>> = {}): Promise<LaunchedRun> {
    this.#write(JSON.stringify({ job, config }));
    const { run_id: runId } = await this.#answer<{ run_id: string }>(job);
    return { runId, execute: () => this.#execute(job) };
  }

  /** Ends the run that goes on, too. */
  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async #execute(job: string): Promise<EndedRun> {
    this.#write("");
    const ended = await this.#answer<{ wall_ms: number; cpu_ms: number; succeeded: boolean }>(job);
    if (!ended.succeeded) throw new Error(`the run of ${job} failed:\n${this.#errors}`);
    const waitsMs = async () => {
      this.#write("");
      return (await this.#answer<{ waits_ms: number[] }>(job)).waits_ms;
    };
    return { wallMs: ended.wall_ms, cpuMs: ended.cpu_ms, waitsMs };
  }

  async #answer<T>(job: string): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the run worker of ${job} ended:\n${this.#errors}`);
    const answer = JSON.parse(value) as T & { readonly failed?: string };
    if (answer.failed !== undefined) throw new Error(`the run of ${job} failed:\n${answer.failed}`);
    return answer;
  }

  #keep(text: string): void {
    this.#errors = (this.#errors + text).slice(-TAIL);
  }

  #write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }
}
