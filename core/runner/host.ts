// The runner over Python step hosts: keeps one alive, sends it work, and answers how each piece of
// work ended.
import { backoff } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { describeError } from "../faults.ts";
import type { Observe } from "../observe.ts";
import { onAbort } from "../on-abort.ts";
import { killGroup, killMarked, requireSignals, signalGroup } from "../process-group.ts";
import { type StepId, stepFields } from "../step/step.ts";
import { HostProcess, type HostSettings } from "./host-process.ts";
import { killWork } from "./kill-work.ts";
import { CodeLocations } from "./locations.ts";
import { lookAtAll } from "./looking.ts";
import {
  lookFrame,
  type NewFrame,
  noticeFrame,
  permitFrame,
  probeFrame,
  renewFrame,
  reportFrame,
  runFrame,
} from "./order-frames.ts";
import { type Following, followOutput } from "./output.ts";
import { outputHearer } from "./output-lines.ts";
import type {
  AskPermit,
  Ending,
  HostVersions,
  Looked,
  Notice,
  ProbeFailure,
  ReportOrder,
  Runner,
  StepOrder,
  StepOutput,
  Term,
} from "./port.ts";
import { endingOf, probeFailureOf, Work, type WorkEnd, type WorkListener } from "./work.ts";

export interface HostRunnerPorts {
  readonly clock: Clock;
  readonly observe: Observe;
  readonly chance: () => number;
  /** Which lines of the steps' output are observed; all when not given. */
  readonly stepOutput?: StepOutput;
}

const STOP_MS = 5_000;
const NOTICE_MS = 10_000;
/** A database that does not answer by then answers no step either. */
const PROBE_MS = 15_000;
const restartAfterMs = backoff({ baseMs: 1_000, capMs: 30_000, jitter: "half" });

/** For what writes no terminal event. */
const refuse: AskPermit = () => Promise.resolve({ granted: false });

export class HostRunner implements Runner {
  readonly #settings: HostSettings;
  readonly #ports: HostRunnerPorts;
  readonly #stopped = new AbortController();
  readonly #work = new Map<string, Work>();
  readonly #locations: CodeLocations;
  /** Ready, or known to have been so. */
  #host: HostProcess | null = null;
  /** Still importing: nothing may be sent to it, because it may never answer. */
  #opening: HostProcess | null = null;
  #unavailable: string | null = "the step host has not been started";
  #restarting: Promise<void> = Promise.resolve();
  #losing: Promise<void> = Promise.resolve();
  /** What the host that was ready last has said of itself. */
  #ready: Awaited<HostProcess["ready"]> | null = null;
  #lastId = 0;

  constructor(settings: HostSettings, ports: HostRunnerPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#locations = new CodeLocations(ports.observe);
  }

  instance(): string | null {
    return this.#ready?.instance ?? null;
  }

  versions(): HostVersions | null {
    if (this.#ready === null) return null;
    const { dagster, dagster_taskiq: dagsterTaskiq, dagster_range: supported } = this.#ready;
    return { dagster, dagsterTaskiq, supported };
  }

  unavailable(): string | null {
    return this.#unavailable ?? this.#locations.unavailable();
  }

  broken(): string | null {
    return this.#locations.broken();
  }

  advice(): readonly string[] {
    return this.#locations.advice();
  }

  async start(): Promise<void> {
    requireSignals();
    await this.#open();
  }

  async #open(): Promise<void> {
    const host = new HostProcess(
      this.#settings,
      (frame) => {
        if ("id" in frame) this.#work.get(frame.id)?.hear(frame);
        else if (frame.type === "location") this.#locations.hear(frame);
      },
      this.#ports,
    );
    this.#opening = host;
    try {
      const ready = await host.ready;
      this.#host = host;
      this.#ready = ready;
      this.#unavailable = this.#stopped.signal.aborted ? "stopping" : null;
      this.#locations.begin(ready);
    } finally {
      this.#opening = null;
    }
    this.#losing = host.ended.then((how) => this.#lose(host, how));
  }

  async execute(order: StepOrder, ask: AskPermit, signal: AbortSignal): Promise<Ending> {
    return await this.#perform(runFrame(order), order.envelope, order.term, ask, signal);
  }

  async report(order: ReportOrder, ask: AskPermit, signal: AbortSignal): Promise<Ending> {
    return await this.#perform(reportFrame(order), order, order.term, ask, signal);
  }

  async notice(notice: Notice): Promise<boolean> {
    const { work } = await this.#runWithin(NOTICE_MS, noticeFrame(notice));
    return work?.outcome?.kind === "noticed";
  }

  async probe(runId: string | null): Promise<ProbeFailure | null> {
    const { work, end, late } = await this.#runWithin(PROBE_MS, probeFrame(runId));
    return probeFailureOf(work ?? { pid: null, outcome: null }, end, late);
  }

  async look(attempts: readonly StepId[]): Promise<Looked> {
    return await lookAtAll(attempts, (some, ms) => this.#runWithin(ms, lookFrame(some)));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#unavailable = "stopping";
    // A host that is still importing hears nothing, and has nothing to finish.
    this.#opening?.kill();
    await this.#restarting;
    const host = this.#host;
    if (host === null) return await this.#losing;
    host.send({ type: "stop" });
    if (!(await this.#ports.clock.within(STOP_MS, host.ended)).inTime) host.kill();
    await this.#losing;
  }

  kill(): void {
    for (const { pid } of this.#work.values()) if (pid !== null) signalGroup(pid);
    for (const host of [this.#opening, this.#host]) host?.kill();
  }

  async #perform(frame: NewFrame, step: StepId, term: Term, ask: AskPermit, signal: AbortSignal): Promise<Ending> {
    const { work, end } = await this.#run(frame, step, ask, signal, term);
    return endingOf(work ?? { pid: null, outcome: null }, end, signal.aborted);
  }

  /** Runs what touches no run, and kills its process when the time is over. */
  async #runWithin(ms: number, frame: NewFrame): Promise<{ work: Work | null; end: WorkEnd; late: boolean }> {
    const { signal, clear } = this.#ports.clock.deadline(ms);
    const ended = await this.#run(frame, null, refuse, signal).finally(clear);
    return { ...ended, late: signal.aborted };
  }

  /** Resolves when the process is dead; `work` is null when there was no host to send it to. */
  async #run(
    frame: NewFrame,
    step: StepId | null,
    ask: AskPermit,
    signal: AbortSignal,
    term: Term | null = null,
  ): Promise<{ work: Work | null; end: WorkEnd }> {
    const host = this.#host;
    const unheard = signal.aborted ? "not wanted any more" : (this.#unavailable ?? "not started");
    if (host === null || signal.aborted) return { work: null, end: { how: "host_lost", detail: unheard } };
    this.#lastId += 1;
    const id = String(this.#lastId);
    const following: Following[] = [];
    const listener: WorkListener = {
      ask,
      onStarted: (pid) => this.#logStarted(step, pid),
      onPermit: (permit) => host.send(permitFrame(id, permit)),
      onCapture: (files) => {
        const hear = step === null ? null : outputHearer(step, work.job, this.#ports);
        if (hear !== null && following.length === 0) following.push(followOutput(files, hear, this.#ports.clock));
      },
    };
    const work = new Work(frame.type, listener, "ledger" in frame && frame.ledger !== null);
    this.#work.set(id, work);
    const disarm = onAbort(signal, () => void killWork(host, id, work, this.#ports.clock));
    const settleDown = term?.onRenewed(() => host.send(renewFrame(id, term)));
    host.send({ ...frame, id });
    const end = await work.ended;
    disarm();
    settleDown?.();
    this.#work.delete(id);
    for (const output of following) await output.end();
    return { work, end };
  }

  #logStarted(step: StepId | null, pid: number): void {
    if (step === null) return;
    const message = `runs in process ${pid}`;
    this.#ports.observe({ event: "step.started", level: "debug", message, ...stepFields(step), pid });
  }

  /**
   * The host is gone; so must be what it ran, grandchildren included, before anyone hears of it.
   */
  async #lose(host: HostProcess, how: string): Promise<void> {
    this.#host = null;
    const stopping = this.#stopped.signal.aborted;
    const message = `the step host ended (${how})`;
    if (!stopping) this.#unavailable = message;
    const orphans = [...this.#work.values()];
    await Promise.all(orphans.map((work) => (work.pid === null ? undefined : killGroup(work.pid, this.#ports.clock))));
    await killMarked(host.mark, this.#ports.clock);
    for (const work of orphans) work.lose(how);
    if (stopping) return;
    this.#ports.observe({ event: "host.lost", level: "error", message, work: orphans.length });
    this.#restart();
  }

  #restart(): void {
    this.#restarting = this.#restarting.then(() => this.#startAgain());
  }

  /** Tries until a host is up. */
  async #startAgain(): Promise<void> {
    const { clock, chance, observe } = this.#ports;
    const stopped = this.#stopped.signal;
    for (let tries = 0; this.#unavailable !== null; tries += 1) {
      await clock.sleep(restartAfterMs(tries, chance()), stopped);
      if (stopped.aborted) return;
      try {
        await this.#open();
      } catch (error) {
        if (stopped.aborted) return;
        this.#unavailable = describeError(error);
        observe({ event: "host.start_failed", level: "error", message: this.#unavailable });
      }
    }
  }
}
