// The runner of a simulated fleet: step processes without processes, over one Dagster. Passes the
// runner's contract suite.
import type {
  AskPermit,
  AttemptStanding,
  Ending,
  HostVersions,
  Looked,
  Notice,
  ProbeFailure,
  ReportOrder,
  Runner,
  StepOrder,
  Term,
} from "../../core/runner/port.ts";
import { endingOf } from "../../core/runner/work.ts";
import { idempotencyKey, type StepId } from "../../core/step/step.ts";
import type { MemoryLedger } from "../support/ports/memory-ledger.ts";
import { errorInfo } from "../support/ports/scripted-steps.ts";
import { type RunStatus, readAttempt, stateOf } from "./dagster.ts";
import { WORKERS_DAGSTER } from "./producer.ts";
import { Recorder } from "./recorder.ts";
import type { RecordedStep } from "./recorder-transaction.ts";
import type { Running } from "./referee.ts";
import { NEGLECT_MS, type ProcessPorts, StepProcess } from "./step-process.ts";
import { FORK_MS, reportStep, runStep, type WorkPorts } from "./step-work.ts";

export interface SimRunnerPorts extends Omit<ProcessPorts, "loseHost">, WorkPorts {
  /** The claim under which a key is run now. */
  readonly fenceOf: (key: string) => number;
  readonly nextProcess: () => string;
  /** Its step host has a recorder. */
  readonly records: boolean;
  /** As the one that its recorder's transactions reach. */
  readonly ledger: MemoryLedger;
}

/** As Dagster calls them. */
const statusNames: Readonly<Record<RunStatus, string>> = {
  started: "STARTED",
  finished: "SUCCESS",
  canceled: "CANCELED",
};
const RESTART_MS = 8_000;
/** How long an order waits for the recorder's answer. */
const PATIENCE_MS = 30_000;

export class SimRunner implements Runner {
  readonly #ports: SimRunnerPorts;
  readonly #processes = new Set<StepProcess>();
  #unavailable: string | null = "the step host has not been started";
  #stopping = false;
  #recorder: Recorder | null = null;
  /** Orders that wait for the next recorder. */
  readonly #waiting: (() => void)[] = [];
  #recorders = 0;

  constructor(ports: SimRunnerPorts) {
    this.#ports = ports;
  }

  get processes(): number {
    return this.#processes.size;
  }

  async start(): Promise<void> {
    this.#unavailable = null;
    this.#forkRecorder([]);
  }

  unavailable(): string | null {
    return this.#unavailable;
  }

  broken(): null {
    return null;
  }

  advice(): readonly string[] {
    return [];
  }

  async execute(order: StepOrder, ask: AskPermit, signal: AbortSignal): Promise<Ending> {
    return await this.#perform("run", order.envelope, order, ask, signal, async (process) => {
      const { timeoutMs } = order.limits;
      if (timeoutMs !== null) this.#ports.clock.schedule(timeoutMs, () => process.endFor("timed_out"));
      await runStep(process, order, this.#ports);
    });
  }

  async report(order: ReportOrder, ask: AskPermit, signal: AbortSignal): Promise<Ending> {
    return await this.#perform("report", order, order, ask, signal, (process) =>
      reportStep(process, order, this.#ports),
    );
  }

  async notice({ runId, stepKey, message }: Notice): Promise<boolean> {
    const { life, clock, dice, trace, dagster } = this.#ports;
    const about = `${runId}:${stepKey}`;
    const name = `notice ${about} ${clock.monoMs()}`;
    const ms = dice.roll(name) < 0.8 ? 0 : dice.between(`${name} takes`, 1, 10_000);
    if (ms > 0) await life.hear(new Promise<void>((resolve) => void clock.schedule(ms, resolve)));
    if (this.#unavailable !== null || dagster.down) return false;
    trace.note(life.name, `notice: ${message}`, about);
    return true;
  }

  async probe(_runId: string | null): Promise<ProbeFailure | null> {
    const { life, clock, dagster } = this.#ports;
    await life.hear(new Promise<void>((resolve) => void clock.schedule(FORK_MS, resolve)));
    if (this.#unavailable !== null) return { scope: "host", error: hostLost(this.#unavailable) };
    return dagster.down ? { scope: "instance", error: errorInfo("OperationalError", "down") } : null;
  }

  async look(attempts: readonly StepId[]): Promise<Looked> {
    const { dagster } = this.#ports;
    if (this.#unavailable !== null) {
      return { kind: "failed", failure: { scope: "host", error: hostLost(this.#unavailable) } };
    }
    const standings = attempts.map((step): AttemptStanding => {
      const { entries, terminal } = readAttempt(dagster.log(step), step.attempt);
      const status = dagster.statusOf(step.runId);
      const run = status === null ? null : { status: statusNames[status], job: "job", goesOn: status === "started" };
      const began = entries.some(({ kind }) => kind === "STEP_START");
      return { run, ended: terminal === null ? null : stateOf(terminal), began };
    });
    return { kind: "looked", standings, instance: this.instance() };
  }

  instance(): string | null {
    return this.#ports.instance;
  }

  versions(): HostVersions {
    const supported = { oldest: "1.10.21", below: "2" };
    return { dagster: WORKERS_DAGSTER, dagsterTaskiq: "0.1.0", supported };
  }

  async stop(): Promise<void> {
    this.kill();
  }

  kill(): void {
    this.#stopping = true;
    this.#unavailable = "stopping";
    for (const process of this.#processes) process.die({ how: "host_lost", detail: "stopped" });
    this.#recorder?.die();
  }

  /** The host dies with everything in it, and is started again. */
  loseHost(): void {
    if (this.#stopping || this.#unavailable !== null) return;
    const { clock, life, trace } = this.#ports;
    trace.note(life.name, "the step host is lost");
    this.#unavailable = "the step host ended (signal SIGKILL)";
    for (const process of this.#processes) process.die({ how: "host_lost", detail: "signal SIGKILL" });
    this.#recorder?.die();
    clock.schedule(RESTART_MS, () => {
      if (this.#stopping) return;
      this.#unavailable = null;
      this.#forkRecorder([]);
    });
  }

  #forkRecorder(steps: readonly RecordedStep[]): void {
    const { life, records, clock, dice } = this.#ports;
    if (!records || this.#stopping || this.#unavailable !== null || life.dead) return;
    this.#recorders += 1;
    const name = `${life.name} rec${this.#recorders}`;
    const recorder = new Recorder(name, this.#ports, (left) => {
      this.#recorder = null;
      if (left.length > 0) this.#forkRecorder(left);
      else clock.schedule(dice.between(`${name} replaced in`, 0, 2_000), () => this.#forkRecorder([]));
    });
    for (const step of steps) {
      step.process.recorder = recorder;
      recorder.adopt(step);
    }
    this.#recorder = recorder;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #perform(
    what: Running["what"],
    step: StepId,
    { delivery: { messageId }, term, ledger }: StepOrder | ReportOrder,
    ask: AskPermit,
    signal: AbortSignal,
    live: (process: StepProcess) => Promise<void>,
  ): Promise<Ending> {
    if (signal.aborted) return { kind: "interrupted" };
    if (this.#unavailable !== null) {
      return { kind: "fault", scope: "host", error: hostLost(this.#unavailable) };
    }
    const { life, trace, referee, fenceOf, nextProcess } = this.#ports;
    const key = idempotencyKey(step);
    const name = nextProcess();
    const process = new StepProcess(name, key, step, ask, { ...this.#ports, loseHost: () => this.loseHost() });
    if (ledger && this.#ports.records) process.claim = { key, fence: ledger.fence };
    const running = this.#running(what, process, fenceOf(key));
    trace.note(life.name, `${what}s ${name}`, key);
    this.#processes.add(process);
    referee.running.add(running);
    referee.started(running, messageId);
    const kill = () => process.kill();
    signal.addEventListener("abort", kill, { once: true });
    const forget = this.#endWithTerm(process, term);
    void this.#live(what, process, live).then(() => process.exit());
    const end = await process.ended;
    referee.running.delete(running);
    // At once: a worker that is dead never hears of it, and Node keeps a signal with listeners.
    signal.removeEventListener("abort", kill);
    forget();
    await this.#awaitRecorder(process);
    this.#processes.delete(process);
    await life.hear(Promise.resolve());
    return endingOf({ pid: 1, outcome: process.outcome, open: process.open }, end, signal.aborted);
  }

  /** A report has a recorder only if that settles its claim. Otherwise it writes by itself. */
  async #live(
    what: Running["what"],
    process: StepProcess,
    live: (process: StepProcess) => Promise<void>,
  ): Promise<void> {
    if (this.#ports.records && (what === "run" || process.claim !== null)) {
      this.#ports.clock.schedule(PATIENCE_MS, () => this.#giveBack(process));
      process.recorder = await this.#answering();
      await process.pause(0);
    }
    await live(process);
  }

  /** A question whether an attempt may run goes to one recorder after the other. */
  async #answering(): Promise<Recorder> {
    while (true) {
      const asked = this.#recorder;
      if (asked === null) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
      else await asked.answer();
      if (asked?.alive) return asked;
    }
  }

  /** No recorder has answered for it. */
  #giveBack(process: StepProcess): void {
    if (process.recorder !== null) return;
    const error = errorInfo("NoAnswer", "Dagster's storage has not named its run's code");
    process.report({ kind: "fault", scope: "instance", error });
    process.exit();
  }

  /** The recorder has what the process sent, and may still write it. */
  async #awaitRecorder(process: StepProcess): Promise<void> {
    const { rules, referee } = this.#ports;
    if (rules.exitsAfterDone) await process.recorder?.gone(process);
    else void process.recorder?.gone(process);
    if (process.recorder?.alive) referee.exited(process.name);
  }

  /** The host's own watch over how long a process may live. */
  #endWithTerm(process: StepProcess, term: Term): () => void {
    const { clock, rules } = this.#ports;
    process.leaseEndsAtMs = clock.monoMs() + term.leftMs();
    const look = () => {
      const leftMs = process.leaseEndsAtMs - clock.monoMs();
      if (leftMs <= 0) process.endFor("expired");
      else if (process.alive && Number.isFinite(leftMs)) clock.schedule(leftMs, look);
    };
    if (rules.endsWithTerm) look();
    return term.onRenewed(() => {
      process.leaseEndsAtMs = Math.max(process.leaseEndsAtMs, clock.monoMs() + term.leftMs());
      process.recorder?.renewed();
    });
  }

  #running(what: Running["what"], process: StepProcess, fence: number): Running {
    const { life, clock, rules } = this.#ports;
    const workerIsAwake = () => !life.dead && !life.stalled && clock.monoMs() - life.wokeAtMs > NEGLECT_MS;
    const neglected = () => (rules.endsWithTerm && process.watched) || workerIsAwake();
    return { what, key: process.key, fence, worker: life.name, neglected };
  }
}

function hostLost(how: string) {
  return errorInfo("StepHostLost", `the step host ended (${how})`);
}
