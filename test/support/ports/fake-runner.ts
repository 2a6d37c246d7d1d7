// A runner without processes: steps are scripts, the run's event log is a list. It reads the log
// first, as a step process does.
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
} from "../../../core/runner/port.ts";
import { idempotencyKey, type StepId } from "../../../core/step/step.ts";
import { type Doom, doomOf } from "./fake-limits.ts";
import type { Journal } from "./fake-queue.ts";
import {
  aborted,
  errorInfo,
  fault,
  result,
  runIsOver,
  type Script,
  succeeds,
  terminalEvents,
} from "./scripted-steps.ts";

export class FakeRunner implements Runner {
  readonly orders: StepOrder[] = [];
  readonly reports: ReportOrder[] = [];
  readonly notices: Notice[] = [];
  /** Step scripts by step key; others succeed. */
  readonly scripts = new Map<string, Script>();
  /** Ids of runs that are over. */
  readonly finishedRuns = new Set<string>();
  /** Of the Dagster instance that it stands for. */
  identity: string | null = null;
  hostVersions: HostVersions | null = null;
  /** How many scripts are under way. */
  running = 0;
  /** In place of what a report does. */
  onReport: Script | null = null;
  onNotice = async (): Promise<boolean> => true;
  /** What each probe was given. */
  readonly probes: (string | null)[] = [];
  onProbe = async (_runId: string | null): Promise<ProbeFailure | null> => null;
  /** Why no step can be run; null when they can. */
  down: string | null = "the step host has not been started";
  /** What code is missing, though other steps can be run. */
  brokenCode: string | null = null;
  readonly #logs = new Map<string, string[]>();
  readonly #stopped = new AbortController();
  readonly #journal: Journal;

  constructor(journal: Journal = () => undefined) {
    this.#journal = journal;
  }

  /** The events of one attempt, by its idempotency key. */
  /** What stands in the log from before. */
  record(key: string, event: string): void {
    this.#logs.set(key, [...this.log(key), event]);
  }

  log(key: string): readonly string[] {
    return this.#logs.get(key) ?? [];
  }

  async start(): Promise<void> {
    this.down = null;
  }

  unavailable(): string | null {
    return this.down;
  }

  broken(): string | null {
    return this.brokenCode;
  }

  advice(): readonly string[] {
    return [];
  }

  async execute(order: StepOrder, ask: AskPermit, signal: AbortSignal): Promise<Ending> {
    const key = idempotencyKey(order.envelope);
    this.#journal(`execute ${key}`);
    this.orders.push(order);
    const doom = () => doomOf(order.limits, order.term);
    return await this.#perform(key, ask, signal, doom, async (step) => {
      if (this.finishedRuns.has(order.envelope.runId)) return await runIsOver(step);
      step.write("STEP_START");
      return await (this.scripts.get(order.envelope.stepKey) ?? succeeds)(step);
    });
  }

  async report(order: ReportOrder, ask: AskPermit, signal: AbortSignal): Promise<Ending> {
    const key = idempotencyKey(order);
    this.#journal(`report ${key} ${order.reason}`);
    this.reports.push(order);
    const doom = () => doomOf(null, order.term);
    return await this.#perform(key, ask, signal, doom, this.onReport ?? reportScript(order));
  }

  async notice(notice: Notice): Promise<boolean> {
    this.#journal(`notice ${notice.runId}:${notice.stepKey} ${notice.level}`);
    this.notices.push(notice);
    return this.down === null && (await this.onNotice());
  }

  async probe(runId: string | null): Promise<ProbeFailure | null> {
    this.#journal(`probe ${runId ?? "-"}`);
    this.probes.push(runId);
    if (this.down === null) return await this.onProbe(runId);
    const error = errorInfo("StepHostLost", `the step host ended (${this.down})`);
    return { scope: "host", error };
  }

  async look(attempts: readonly StepId[]): Promise<Looked> {
    this.#journal(`look ${attempts.length}`);
    if (this.down !== null) {
      const error = errorInfo("StepHostLost", `the step host ended (${this.down})`);
      return { kind: "failed", failure: { scope: "host", error } };
    }
    const standings = attempts.map((step) => {
      const log = this.log(idempotencyKey(step));
      const over = this.finishedRuns.has(step.runId);
      const run = { status: over ? "SUCCESS" : "STARTED", job: "job", goesOn: !over };
      const ended = Object.entries(terminalEvents).find(([, event]) => log.includes(event))?.[0] ?? null;
      const known = !step.runId.startsWith("no-such");
      return {
        run: known ? run : null,
        ended: ended as keyof typeof terminalEvents | null,
        began: log.includes("STEP_START"),
      };
    });
    return { kind: "looked", standings, instance: this.identity };
  }

  instance(): string | null {
    return this.identity;
  }

  versions(): HostVersions | null {
    return this.hostVersions;
  }

  async stop(): Promise<void> {
    this.kill();
  }

  kill(): void {
    this.down = "stopping";
    this.#stopped.abort();
  }

  async #perform(
    key: string,
    ask: AskPermit,
    signal: AbortSignal,
    doomed: () => Doom,
    script: Script,
  ): Promise<Ending> {
    if (this.down !== null) return fault("host", "StepHostLost", `the step host ended (${this.down})`);
    if (signal.aborted) return { kind: "interrupted" };
    const recorded = this.#recorded(key);
    if (recorded !== null) return recorded;
    const doom = doomed();
    const ended = new AbortController();
    void doom.came.then(() => ended.abort());
    const killed = AbortSignal.any([signal, this.#stopped.signal, ended.signal]);
    const write = (event: string) => this.#write(key, event);
    const death = aborted(killed).then(async () => (ended.signal.aborted ? await doom.came : this.#death(signal)));
    this.running += 1;
    try {
      const living = script({ ask, signal: killed, write });
      // What a script makes of its own end is not what the host says of it.
      return await Promise.race([death, living.then((ending) => (ended.signal.aborted ? death : ending))]);
    } finally {
      doom.avert();
      this.running -= 1;
    }
  }

  #death(signal: AbortSignal): Ending {
    return signal.aborted ? { kind: "interrupted" } : fault("step", "StepHostLost", "the step host ended (stopped)");
  }

  #write(key: string, event: string): void {
    this.#journal(`event ${key} ${event}`);
    this.#logs.set(key, [...this.log(key), event]);
  }

  #recorded(key: string): Ending | null {
    for (const [state, event] of Object.entries(terminalEvents)) {
      const ended = state as keyof typeof terminalEvents;
      if (this.log(key).includes(event)) return { kind: "ended", result: result(ended), wrote: false };
    }
    return null;
  }
}

function reportScript(order: ReportOrder): Script {
  return async ({ ask, write }) => {
    const error = errorInfo(order.reason, order.message);
    if (order.park) return { kind: "ended", result: result("parked", error), wrote: true };
    if (!(await ask()).granted) return { kind: "permit_refused" };
    write(order.retryIn === null ? "STEP_FAILURE" : "STEP_UP_FOR_RETRY");
    return { kind: "ended", result: result("reported", error), wrote: true };
  };
}
