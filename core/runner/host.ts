// The runner over Python step hosts: keeps one alive, sends it work, and answers how each piece of work ended.
import type { Clock } from "../clock.ts";
import { toWire } from "../envelope.ts";
import { describeError } from "../faults.ts";
import type { Observe } from "../observe.ts";
import { idempotencyKey } from "../step.ts";
import type { Ready, WireNote, WorkerFrame } from "./frames.ts";
import { HostProcess, type HostSettings } from "./host-process.ts";
import { type Following, followOutput } from "./output.ts";
import type { AskPermit, DeliveryNote, Ending, Notice, ReportOrder, Runner, StepOrder } from "./port.ts";
import { killGroup } from "./process-group.ts";
import { endingOf, Work, type WorkEnd } from "./work.ts";

export interface HostRunnerPorts {
  readonly clock: Clock;
  readonly observe: Observe;
  readonly chance: () => number;
}

/** A host that has not reaped a killed process by then is stuck: it is killed itself, and everything below it. */
const KILL_ANSWER_MS = 5_000;
const STOP_MS = 5_000;
const NOTICE_MS = 10_000;
const RESTART_BASE_MS = 1_000;
const RESTART_CAP_MS = 30_000;

export class HostRunner implements Runner {
  readonly #settings: HostSettings;
  readonly #ports: HostRunnerPorts;
  readonly #stopped = new AbortController();
  readonly #work = new Map<string, Work>();
  #host: HostProcess | null = null;
  #unavailable: string | null = "the step host has not been started";
  #restarting: Promise<void> = Promise.resolve();
  #lastId = 0;

  constructor(settings: HostSettings, ports: HostRunnerPorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  unavailable(): string | null {
    return this.#unavailable;
  }

  async start(): Promise<void> {
    await this.#open();
    if (this.#unavailable !== null) this.#restart();
  }

  async #open(): Promise<void> {
    const host = new HostProcess(
      this.#settings,
      (frame) => {
        if ("id" in frame) this.#work.get(frame.id)?.hear(frame);
      },
      this.#ports.observe,
    );
    this.#host = host;
    const ready = await host.ready;
    this.#unavailable = importFailure(ready);
    this.#observeReady(ready);
    void host.ended.then((how) => this.#lose(host, how));
  }

  async execute(order: StepOrder, ask: AskPermit, signal: AbortSignal): Promise<Ending> {
    const frame = { type: "run", envelope: toWire(order.envelope), delivery: wireNote(order.delivery) } as const;
    return await this.#perform(frame, idempotencyKey(order.envelope), ask, signal);
  }

  async report(order: ReportOrder, ask: AskPermit, signal: AbortSignal): Promise<Ending> {
    const frame = {
      type: "report",
      run_id: order.runId,
      step_key: order.stepKey,
      attempt: order.attempt,
      retry_in: order.retryIn,
      park: order.park,
      reason: order.reason,
      message: order.message,
      delivery: wireNote(order.delivery),
    } as const;
    return await this.#perform(frame, idempotencyKey(order), ask, signal);
  }

  async notice(notice: Notice): Promise<boolean> {
    const { runId: run_id, stepKey: step_key, level, message, metadata } = notice;
    const frame = { type: "notice", run_id, step_key, level, message, metadata } as const;
    const refuse: AskPermit = () => Promise.resolve({ granted: false });
    const { work } = await this.#run(frame, null, refuse, AbortSignal.timeout(NOTICE_MS));
    return work?.outcome?.kind === "noticed";
  }

  async stop(): Promise<void> {
    const up = this.#unavailable === null;
    this.#stopped.abort();
    this.#unavailable = "stopping";
    // A host that is still importing hears nothing, and has nothing to finish.
    if (!up) this.#host?.kill();
    await this.#restarting;
    const host = this.#host;
    if (host === null) return;
    host.send({ type: "stop" });
    const late = setTimeout(() => host.kill(), STOP_MS);
    await host.ended;
    clearTimeout(late);
  }

  async #perform(frame: NewFrame, key: string, ask: AskPermit, signal: AbortSignal): Promise<Ending> {
    const { work, end } = await this.#run(frame, key, ask, signal);
    return endingOf(work ?? { pid: null, outcome: null }, end, signal.aborted);
  }

  /** Resolves when the process is dead; `work` is null when there was no host to send it to. */
  async #run(
    frame: NewFrame,
    key: string | null,
    ask: AskPermit,
    signal: AbortSignal,
  ): Promise<{ work: Work | null; end: WorkEnd }> {
    const host = this.#host;
    if (host === null) return { work: null, end: { how: "host_lost", detail: this.#unavailable ?? "not started" } };
    this.#lastId += 1;
    const id = String(this.#lastId);
    let following: Following | null = null;
    const work = new Work({
      ask,
      onPermit: (permit) => host.send(permitFrame(id, permit)),
      onCapture: (paths) => {
        following = followOutput(paths, (stream, line) => {
          this.#ports.observe({
            event: "step.output",
            level: "info",
            message: line,
            stream,
            ...(key === null ? {} : { key }),
          });
        });
      },
    });
    this.#work.set(id, work);
    const disarm = onAbort(signal, () => void this.#kill(host, id, work));
    host.send({ ...frame, id });
    const end = await work.ended;
    disarm();
    this.#work.delete(id);
    await (following as Following | null)?.end();
    return { work, end };
  }

  async #kill(host: HostProcess, id: string, work: Work): Promise<void> {
    host.send({ type: "kill", id, signal: "SIGKILL" });
    const answered = new AbortController();
    void work.ended.then(() => answered.abort());
    await this.#ports.clock.sleep(KILL_ANSWER_MS, answered.signal);
    if (!answered.signal.aborted) host.kill();
  }

  /** The host is gone; so must be what it ran, grandchildren included, before anyone hears of it. */
  async #lose(host: HostProcess, how: string): Promise<void> {
    if (this.#host !== host) return; // retired by us, with nothing under way
    this.#host = null;
    const orphans = [...this.#work.values()];
    await Promise.all(orphans.map((work) => (work.pid === null ? undefined : killGroup(work.pid, this.#ports.clock))));
    for (const work of orphans) work.lose(how);
    if (this.#stopped.signal.aborted) return;
    this.#unavailable = `the step host ended (${how})`;
    this.#ports.observe({ event: "host.lost", level: "error", message: this.#unavailable, work: orphans.length });
    this.#restart();
  }

  #restart(): void {
    this.#restarting = this.#restarting.then(() => this.#startAgain());
  }

  /** Tries until a host is up whose code locations import; what still runs in a host without them is not disturbed. */
  async #startAgain(): Promise<void> {
    const { clock, chance, observe } = this.#ports;
    for (let tries = 0; this.#unavailable !== null; tries += 1) {
      const ceiling = Math.min(RESTART_CAP_MS, RESTART_BASE_MS * 2 ** tries);
      await clock.sleep(ceiling / 2 + (ceiling / 2) * chance(), this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      if (this.#work.size > 0) continue;
      await this.#retire();
      try {
        await this.#open();
      } catch (error) {
        this.#host = null;
        this.#unavailable = describeError(error);
        observe({ event: "host.start_failed", level: "error", message: this.#unavailable });
      }
    }
  }

  async #retire(): Promise<void> {
    const host = this.#host;
    if (host === null) return;
    this.#host = null;
    host.kill();
    await host.ended;
  }

  #observeReady(ready: Ready): void {
    const { dagster, python, pid } = ready;
    const locations = ready.locations.map(({ name }) => name).join(", ");
    const message = `step host ready: Dagster ${dagster}, Python ${python}${locations === "" ? "" : `, ${locations}`}`;
    this.#ports.observe({ event: "host.ready", level: "info", message, pid, dagster, python });
    for (const { name, error } of ready.locations) {
      if (error === null) continue;
      const text = `code location ${name} cannot be imported: ${error.class}: ${error.message}\n${error.traceback}`;
      this.#ports.observe({ event: "host.location_failed", level: "error", message: text, location: name });
    }
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type NewFrame = DistributiveOmit<Extract<WorkerFrame, { type: "run" | "report" | "notice" }>, "id">;

/** Why nothing can run, when no code location could be imported; one that works is enough to go on. */
function importFailure(ready: Ready): string | null {
  const [first] = ready.locations;
  if (first === undefined || ready.locations.some(({ error }) => error === null)) return null;
  return `code location ${first.name} cannot be imported: ${first.error?.class}: ${first.error?.message}`;
}

function permitFrame(id: string, permit: Awaited<ReturnType<AskPermit>>): WorkerFrame {
  return { type: "permit", id, granted: permit.granted, within_ms: permit.granted ? permit.withinMs : null };
}

function wireNote(note: DeliveryNote): WireNote {
  return {
    worker: note.worker,
    message_id: note.messageId,
    receive_count: note.receiveCount,
    starts: note.starts,
    taken_over_from: note.takenOverFrom,
  };
}

function onAbort(signal: AbortSignal, act: () => void): () => void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
  return () => signal.removeEventListener("abort", act);
}
