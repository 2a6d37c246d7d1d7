// Dagster's web UI and daemon beside the worker: `dagster dev`, which finds the code by the same
// flags.
import * as v from "valibot";
import type { Clock } from "../../core/clock.ts";
import { describeError } from "../../core/faults.ts";
import type { Env } from "../options/resolve.ts";
import { Program } from "./program.ts";

export interface UiOptions {
  /** Of Dagster; absolute. */
  readonly home: string;
  /** How `dagster_taskiq` marks the runs whose steps go to this start's queue server. */
  readonly runMark: string;
  readonly python: string;
  readonly locationArgs: readonly string[];
  readonly port: number;
  readonly env: Env;
  readonly onLine: (line: string) => void;
}

/** Ends `dagster dev` in order also when this process is killed, where the kernel can (Linux). */
const LAUNCH = `
import os, signal, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGINT)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
`;

const GRACE_MS = 15_000;
const LOOK_AGAIN_MS = 250;

export class Ui {
  readonly url: string;
  readonly program: Program;
  readonly #home: string;
  readonly #runMark: string;

  constructor({ home, runMark, python, locationArgs, port, env, onLine }: UiOptions) {
    this.#home = home;
    this.#runMark = runMark;
    this.url = `http://127.0.0.1:${port}`;
    const place = ["--host", "127.0.0.1", "--port", String(port)];
    // It advises `dg dev`, which not every project has.
    const calm = ["-W", "ignore:Function `dev_command` is superseded"];
    const dagsterDev = [...calm, "-m", "dagster", "dev", "--log-level", "warning", ...place, ...locationArgs];
    this.program = new Program({
      command: [python, "-c", LAUNCH, ...dagsterDev],
      env: { ...env, PYTHONUNBUFFERED: "1" },
      onLine,
      stopSignal: "SIGINT",
      graceMs: GRACE_MS,
    });
  }

  /**
   * Resolves when it answers, has ended, or `stopping` aborts. Another Dagster that was faster to
   * take the port is not it.
   */
  async ready(clock: Pick<Clock, "sleep">, stopping: AbortSignal): Promise<void> {
    while (this.program.running && !stopping.aborted) {
      const { info } = await this.#ask(INSTANCE, {}, instance, stopping).then(
        (answer) => answer.instance,
        () => ({ info: null }),
      );
      if (info?.includes(this.#home)) return;
      await clock.sleep(LOOK_AGAIN_MS, stopping);
    }
  }

  /** Has it load the code again. Returns what to say about that. */
  async reload(stopping: AbortSignal): Promise<string> {
    try {
      const { reloadWorkspace } = await this.#ask(RELOAD, {}, reloaded, stopping);
      return loaded(reloadWorkspace);
    } catch (error) {
      return `the UI could not load the changed code: ${describeError(error)}`;
    }
  }

  /** Runs of this start that have begun and not ended. */
  async runsUnderWay(stopping: AbortSignal): Promise<readonly string[]> {
    const { runsOrError } = await this.#ask(UNDER_WAY, { mark: this.#runMark }, underWay, stopping);
    return (runsOrError.results ?? []).map(({ runId }) => runId);
  }

  /** Has Dagster terminate runs; it records them as canceled once their processes have ended. */
  async terminate(runIds: readonly string[], stopping: AbortSignal): Promise<void> {
    await this.#ask(TERMINATE, { runIds }, v.unknown(), stopping);
  }

  async #ask<T>(
    query: string,
    variables: object,
    schema: v.GenericSchema<unknown, T>,
    signal: AbortSignal,
  ): Promise<T> {
    const response = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query, variables }),
      signal,
    });
    return v.parse(v.object({ data: schema }), await response.json()).data;
  }
}

const INSTANCE = "query TaskiqInstance { instance { info } }";
const instance = v.object({ instance: v.object({ info: v.nullable(v.string()) }) });

/** The tag is `local_run.py`'s: others may have runs in the same instance. */
const UNDER_WAY = `query TaskiqRunsUnderWay($mark: String!) {
  runsOrError(
    filter: { statuses: [STARTED, CANCELING], tags: [{ key: "taskiq/local_sqs", value: $mark }] }
    limit: 100
  ) {
    ... on Runs { results { runId } }
  }
}`;

const TERMINATE = `mutation TaskiqTerminate($runIds: [String!]!) {
  terminateRuns(runIds: $runIds, terminatePolicy: SAFE_TERMINATE) { __typename }
}`;

const underWay = v.object({ runsOrError: v.object({ results: v.optional(v.array(v.object({ runId: v.string() }))) }) });

const RELOAD = `mutation TaskiqReload {
  reloadWorkspace {
    __typename
    ... on Workspace {
      locationEntries { name locationOrLoadError { __typename ... on PythonError { message } } }
    }
    ... on PythonError { message }
  }
}`;

const location = v.object({
  name: v.string(),
  locationOrLoadError: v.nullable(v.object({ __typename: v.string(), message: v.optional(v.string()) })),
});
const reloaded = v.object({
  reloadWorkspace: v.object({
    __typename: v.string(),
    message: v.optional(v.string()),
    locationEntries: v.optional(v.array(location)),
  }),
});

type Reloaded = v.InferOutput<typeof reloaded>["reloadWorkspace"];

function loaded({ message, locationEntries }: Reloaded): string {
  if (locationEntries === undefined) return `the UI could not load the changed code: ${message ?? "no reason given"}`;
  const broken = locationEntries.flatMap(({ name, locationOrLoadError: one }) =>
    one?.message === undefined ? [] : [`the UI could not load ${name}: ${lastLine(one.message)}`],
  );
  return broken.length > 0 ? broken.join("\n") : "the UI has loaded the changed code";
}

/** Of a Python error, with its class. */
function lastLine(message: string): string {
  return message.trimEnd().split("\n").at(-1)?.trim() ?? "";
}
