// The demo's deployment: `taskiq dev` from the built bundle, as a person would start it.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { LoggedProgram } from "./program.ts";

export const python = ".venv/bin/python";
export const project = "examples/weather_report.py";

/** Settings of the user's that would lead the demo to another Dagster or change the worker. */
const foreign = /^(AWS|DAGSTER|TASKIQ|POSTGRES)_|^LOG_LEVEL$/;

type Environment = Readonly<Record<string, string | undefined>>;

/** As a person would type it. */
export function devArguments(keep: boolean): readonly string[] {
  return ["dev", ...(keep ? [] : ["--no-ui"]), "-f", project];
}

export class Deployment {
  readonly program: LoggedProgram;
  /** Resolves when the queue is there, and with it what `environment` returns. */
  readonly served: Promise<void>;
  /** Resolves when the worker takes steps. */
  readonly ready: Promise<void>;
  /** Resolves with the URL of the UI when it answers, or with `null` when there is none. */
  readonly ui: Promise<string | null>;
  readonly #home: string;
  readonly #own: Environment;
  readonly #served = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #ui = Promise.withResolvers<string | null>();

  /** `port` is the UI's; `null` leaves the UI out. */
  constructor(home: string, port: number | null, own: Environment = process.env) {
    this.#home = home;
    this.#own = Object.fromEntries(Object.entries(own).filter(([name]) => !foreign.test(name)));
    this.served = this.#served.promise;
    this.ready = this.#ready.promise;
    this.ui = this.#ui.promise;
    // In steps of the demo itself, nothing takes ten seconds.
    const place = ["--dagster-home", resolve(home), "--python", python, "--grace", "10s"];
    const ui = port === null ? [] : ["--port", String(port)];
    this.program = new LoggedProgram({
      name: "the worker",
      command: [process.execPath, "dist/taskiq.mjs", ...devArguments(port !== null), ...place, ...ui],
      env: this.#own,
      log: join(home, "worker.log"),
      hear: (line) => this.#hear(line),
      stopSignal: "SIGTERM",
      graceMs: 45_000,
    });
  }

  /** What another shell has that sourced the file of variables. */
  environment(): Environment {
    const text = readFileSync(join(this.#home, "dev.env"), "utf8");
    const variables = [...text.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]);
    return { ...this.#own, ...Object.fromEntries(variables) };
  }

  #hear(line: string): false {
    if (/^taskiq +\| starting /.test(line)) this.#served.resolve();
    if (/^worker +\| \S+ INFO +worker\.started /.test(line)) this.#ready.resolve();
    const ready = /^taskiq +\| ready(?:: (http:\S+))?$/.exec(line);
    if (ready !== null) this.#ui.resolve(ready[1] ?? null);
    return false;
  }
}
