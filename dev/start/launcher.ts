// Launches the sample job and follows its run, through `launch.py`.
import { join } from "node:path";
import { project, python } from "./deployment.ts";
import { LoggedProgram } from "./program.ts";
import { readReport, type StepEvent } from "./run.ts";

export class Launcher {
  readonly program: LoggedProgram;
  /** Dagster and the code location are imported: `launch` takes effect at once. */
  readonly ready: Promise<void>;
  readonly runId: Promise<string>;
  /** Dagster's final status of the run: `SUCCESS`, `FAILURE`, `CANCELED`. */
  readonly finished: Promise<string>;
  /** All step events so far, in the order of Dagster's log. */
  readonly events: StepEvent[] = [];
  readonly #onEvent: (event: StepEvent) => void;
  readonly #ready = Promise.withResolvers<void>();
  readonly #runId = Promise.withResolvers<string>();
  readonly #finished = Promise.withResolvers<string>();

  constructor(
    job: string,
    home: string,
    env: Readonly<Record<string, string | undefined>>,
    onEvent: (event: StepEvent) => void,
  ) {
    this.#onEvent = onEvent;
    this.ready = this.#ready.promise;
    this.runId = this.#runId.promise;
    this.finished = this.#finished.promise;
    this.program = new LoggedProgram({
      name: "the run worker",
      command: [python, "dev/start/launch.py", project, job],
      env,
      log: join(home, "run-worker.log"),
      hear: (line, from) => from === "stdout" && this.#hear(line),
      stopSignal: "SIGTERM",
      graceMs: 5000,
    });
  }

  launch(): void {
    this.program.write("launch");
  }

  #hear(line: string): true {
    const report = readReport(line);
    if (report.kind === "ready") this.#ready.resolve();
    if (report.kind === "run") this.#runId.resolve(report.runId);
    if (report.kind === "finished") this.#finished.resolve(report.status);
    if (report.kind === "event") {
      this.events.push(report.event);
      this.#onEvent(report.event);
    }
    return true;
  }
}
