// The test's side of `dagster_sidecar.py`: one Python process per Dagster instance that launches
// runs and reads what Dagster recorded.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { eventually } from "../eventually.ts";

/** One record of a run's log; `type` is null for a plain log line. `at` is Unix seconds. */
export interface DagsterRecord {
  readonly type: string | null;
  readonly step: string | null;
  readonly message: string;
  readonly at: number;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly error: { readonly class: string; readonly message: string; readonly text: string } | null;
}

export interface SidecarOptions {
  /**
   * The whole environment of the sidecar and of run workers: DAGSTER_HOME, and where the queue is.
   */
  readonly env: Readonly<Record<string, string>>;
}

type Config = Readonly<Record<string, unknown>>;

interface Asked {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

const root = new URL("../../../", import.meta.url).pathname;
export const PYTHON = `${root}.venv/bin/python`;
/** The folder that the fixture code location `definitions` is imported from. */
export const DEFINITIONS_PARENT = `${root}fixtures`;

/**
 * Events that end a step's attempt, or a run; more than one per attempt would break Dagster's
 * executor.
 */
export const TERMINAL = ["STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"] as const;
const FINISHED = ["SUCCESS", "FAILURE", "CANCELED"];
const TAIL_LINES = 60;
/**
 * A question to Dagster costs milliseconds of CPU: asked at every turn, waiting would cost as much
 * as the steps.
 */
const ASK_AGAIN_MS = 250;

export class DagsterSidecar {
  readonly #child: ChildProcess;
  readonly #env: Readonly<Record<string, string>>;
  readonly #asked = new Map<number, Asked>();
  readonly #stderr: string[] = [];
  readonly #ended: Promise<void>;
  #lastId = 0;

  constructor({ env }: SidecarOptions) {
    this.#env = env;
    this.#child = spawn(PYTHON, [new URL("dagster_sidecar.py", import.meta.url).pathname], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...env, DEFINITIONS_PARENT },
    });
    this.#follow();
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        for (const { reject } of this.#asked.values())
          reject(new Error(`sidecar ended (${code ?? signal})\n${this.tail()}`));
        resolve();
      });
    });
  }

  /** Starts a run of a job in `fixtures/definitions` and answers its id at once. */
  async launch(job: string, config: Config = {}): Promise<string> {
    const { run_id } = (await this.#ask("launch", { job, config, env: this.#env })) as { run_id: string };
    return run_id;
  }

  /** Starts a run for every partition of the job, as a backfill does. */
  async backfill(job: string): Promise<readonly string[]> {
    return (await this.#ask("backfill", { job, env: this.#env })) as string[];
  }

  /** The partitions of an asset that Dagster calls materialized, in order. */
  async materialized(asset: string): Promise<readonly string[]> {
    return (await this.#ask("materialized", { asset })) as string[];
  }

  /** SIGKILL to the run's worker; false when it has ended by itself. */
  async killRunWorker(runId: string): Promise<boolean> {
    return (await this.#ask("kill_run_worker", { run_id: runId })) as boolean;
  }

  /**
   * Does what run monitoring does after that: lets a run worker take over. Returns `false` for a
   * finished run.
   */
  async resume(runId: string): Promise<boolean> {
    return (await this.#ask("resume", { run_id: runId, env: this.#env })) as boolean;
  }

  /** A run that has no run worker: nothing sends its steps, nothing waits for them. */
  async createRun(job: string, config: Config = {}, status: "STARTED" | "SUCCESS" = "STARTED"): Promise<string> {
    const { run_id } = (await this.#ask("create", { job, config, status })) as { run_id: string };
    return run_id;
  }

  /** Notes in the log of a run of `createRun` that the next attempt of a step is sent. */
  async sent(runId: string, stepKey: string): Promise<void> {
    await this.#ask("sent", { run_id: runId, step_key: stepKey });
  }

  /**
   * Does what "Terminate" does in the UI. `force` is for a run whose run worker is gone, which is
   * killed here.
   */
  async terminate(runId: string, how: "by its run worker" | "force"): Promise<void> {
    await this.#ask("terminate", { run_id: runId, force: how === "force" });
  }

  async status(runId: string): Promise<string | null> {
    return (await this.#ask("status", { run_id: runId })) as string | null;
  }

  async records(runId: string): Promise<readonly DagsterRecord[]> {
    return (await this.#ask("events", { run_id: runId })) as DagsterRecord[];
  }

  /** Types of one step's events, in order. */
  async eventsOf(runId: string, step: string): Promise<readonly string[]> {
    const records = await this.records(runId);
    return records.flatMap((record) => (record.step === step && record.type !== null ? [record.type] : []));
  }

  /** The terminal events of a run: step and type, in order. */
  async terminalEvents(runId: string): Promise<readonly (DagsterRecord & { step: string; type: string })[]> {
    const records = await this.records(runId);
    return records.filter((record): record is DagsterRecord & { step: string; type: string } =>
      TERMINAL.some((type) => type === record.type),
    );
  }

  async computeLog(runId: string, step: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
    return (await this.#ask("compute_log", { run_id: runId, step })) as { stdout: string; stderr: string };
  }

  /** Waits until Dagster calls the run finished, and answers how. */
  async finished(runId: string, withinMs = 120_000): Promise<string> {
    return await eventually(
      `run ${runId} is finished`,
      async () => {
        const status = await this.status(runId);
        return status !== null && FINISHED.includes(status) && status;
      },
      withinMs,
      ASK_AGAIN_MS,
    );
  }

  /** The last lines that run workers and the sidecar wrote to stderr. */
  tail(): string {
    return this.#stderr.slice(-TAIL_LINES).join("\n");
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }

  #ask(ask: string, fields: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ id, ask, ...fields })}\n`);
    });
  }

  #follow(): void {
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error("the sidecar's streams are pipes");
    createInterface({ input: stdout }).on("line", (line) => this.#hear(line));
    createInterface({ input: stderr }).on("line", (line) => {
      this.#stderr.push(line);
      if (this.#stderr.length > 10 * TAIL_LINES) this.#stderr.splice(0, TAIL_LINES);
    });
  }

  #hear(line: string): void {
    const { id, answer, error } = JSON.parse(line) as { id: number; answer?: unknown; error?: string };
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error === undefined) asked?.resolve(answer);
    else asked?.reject(new Error(`sidecar: ${error}`));
  }
}
