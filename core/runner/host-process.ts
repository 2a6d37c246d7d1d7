// One step host process: spawned, shaken hands with, spoken to in frames, and seen to its end.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { type Duplex, PassThrough, type Readable } from "node:stream";
import type { Clock } from "../clock.ts";
import { describeError, Fault } from "../faults.ts";
import { inSeconds } from "../formats/durations.ts";
import type { Observe } from "../observe.ts";
import {
  type DecodedFrame,
  decodeFrame,
  encodeFrame,
  type HostFrame,
  PROTOCOL,
  type Ready,
  type WorkerFrame,
} from "./frames.ts";
import { LineAllowance, LineSplitter } from "./lines.ts";
import { Severity } from "./severity.ts";

export interface HostSettings {
  /** The Python that has Dagster, `dagster_taskiq` and the code location. */
  readonly python: string;
  /** Dagster's own code location flags, passed on as they are. */
  readonly locationArgs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long importing Dagster and the code locations may take. */
  readonly startMs: number;
  /** `false` has the host import nothing that it has seen its steps import. */
  readonly importsAhead?: boolean;
  /** How many steps of a run one process runs, one after the other; 1 when not given. */
  readonly stepsPerProcess?: number;
  /** Has the host count the jobs and assets of its code locations. */
  readonly count?: boolean;
}

/** What a host may open with; a broken frame is a `ready` of another protocol, as a rule. */
type Greeting = Extract<DecodedFrame, { type: "ready" | "fatal" | "broken" }>;

const MARK = "TASKIQ_STEP_HOST";
/** The descriptor that carries frames; 0 to 2 belong to whatever user code prints. */
const FRAMES_FD = 3;
/**
 * A frame holds at most one envelope (1 MiB as a message) or one result (tracebacks are capped by
 * the host).
 */
const LONGEST_FRAME = 16 * 1024 * 1024;
const LONGEST_OUTPUT_LINE = 8 * 1024;
/**
 * The last frames arrive at once, unless user code smuggled the descriptor into a process that
 * lives on.
 */
const LAST_FRAMES_MS = 1_000;

interface Ports {
  readonly clock: Clock;
  readonly observe: Observe;
}

export class HostProcess {
  /**
   * Resolves with what the host said of itself; rejects with a `Fault`, once it is gone, when it
   * could not start.
   */
  readonly ready: Promise<Ready>;
  /**
   * Resolves, once the process is gone, with how it ended; everything it sent has been heard by
   * then.
   */
  readonly ended: Promise<string>;
  /** An entry of the environment that the host and all that ever comes of it begin with. */
  readonly mark: string;
  readonly #child: ChildProcess;
  readonly #frames: Duplex;

  constructor(settings: HostSettings, onFrame: (frame: HostFrame) => void, { clock, observe }: Ports) {
    const id = randomUUID();
    this.mark = `${MARK}=${id}`;
    this.#child = spawnHost(settings, { ...settings.env, [MARK]: id });
    // Deno makes no such pipe to a program that cannot be started.
    this.#frames = (this.#child.stdio[FRAMES_FD] as Duplex | null) ?? new PassThrough().end();
    this.#frames.on("error", (error) => {
      // EPIPE and ECONNRESET: the host is going, and `ended` will tell.
      observe({ event: "host.frames_closed", level: "debug", message: error.message });
    });
    const heard = followLines(this.#frames, LONGEST_FRAME, (line) => this.#hear(line, onFrame, observe));
    for (const stream of ["stdout", "stderr"] as const) {
      const pipe = this.#child[stream] as Readable;
      // Steps inherit both pipes. A flood is read, so that the host never waits, and left out of
      // the log.
      const allowance = new LineAllowance();
      const severity = new Severity();
      void followLines(pipe, LONGEST_OUTPUT_LINE, (line) => {
        for (const message of allowance.admit(line, clock.monoMs())) {
          observe({ event: "host.output", level: severity.of(message), message, stream });
        }
      });
    }
    // Not 'close': step processes hold copies of the output pipes and may outlive the host by a
    // moment.
    const exited = new Promise<string>((resolve) => {
      this.#child.once("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
      this.#child.once("error", (error) => resolve(error.message));
    });
    this.ended = exited.then(async (how) => {
      await clock.within(LAST_FRAMES_MS, heard);
      this.#frames.destroy();
      return how;
    });
    this.ready = this.#shakeHands(settings, clock);
    this.ready.catch(() => undefined); // a caller that awaits it gets the error
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(frame: WorkerFrame): void {
    if (this.#frames.writable) this.#frames.write(encodeFrame(frame));
  }

  /** Ends the host and, because they watch it, every step process below it. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Hears the first word that counts; null once there was one. */
  #greet: ((frame: Greeting) => void) | null = null;

  #hear(line: string, onFrame: (frame: HostFrame) => void, observe: Observe): void {
    const frame = decodeFrame(line);
    if (frame === null) return;
    if (frame.type === "broken") {
      const message = `step host sent a broken frame: ${frame.detail}`;
      observe({ event: "host.broken_frame", level: "error", message });
    }
    if (frame.type === "broken" || frame.type === "ready" || frame.type === "fatal") this.#greet?.(frame);
    else onFrame(frame);
  }

  async #shakeHands(settings: HostSettings, clock: Clock): Promise<Ready> {
    const greeting = Promise.withResolvers<Greeting>();
    this.#greet = greeting.resolve;
    const lost = this.ended.then((how) => endedEarly(settings, how));
    const heard = await clock.within(settings.startMs, Promise.race([greeting.promise, lost]));
    this.#greet = null;
    const answer = heard.inTime ? heard.value : startTimeout(settings);
    const ready = answer instanceof Fault ? answer : judge(answer);
    if (!(ready instanceof Fault)) return ready;
    this.kill();
    await this.ended;
    throw ready;
  }
}

/**
 * Throws a `Fault` where it is not even tried: an environment that is too big, a program that Deno
 * may not run.
 */
function spawnHost(settings: HostSettings, env: HostSettings["env"]): ChildProcess {
  const args = ["-m", "dagster_taskiq.host", "--frames-fd", String(FRAMES_FD)];
  if (settings.count === true) args.push("--count");
  if (settings.importsAhead === false) args.push("--no-import-ahead");
  const { stepsPerProcess = 1 } = settings;
  if (stepsPerProcess > 1) args.push("--steps-per-process", String(stepsPerProcess));
  args.push(...settings.locationArgs);
  try {
    return spawn(settings.python, args, {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      // A process group of its own: a terminal's Ctrl-C is the worker's to deal with.
      detached: true,
      env,
    });
  } catch (error) {
    throw endedEarly(settings, describeError(error));
  }
}

/** Resolves when the stream has ended and every line of it was heard. */
function followLines(stream: Readable, longest: number, onLine: (line: string) => void): Promise<void> {
  const lines = new LineSplitter(longest);
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    for (const line of lines.push(chunk)) onLine(line);
  });
  return new Promise((resolve) => {
    stream.once("close", () => {
      for (const line of lines.flush()) onLine(line);
      resolve();
    });
  });
}

function judge(greeting: Greeting): Ready | Fault {
  if (greeting.type === "fatal") return fatal(greeting);
  if (greeting.type === "broken") return unreadable(greeting.detail);
  return greeting.protocol === PROTOCOL ? greeting : mismatch(greeting);
}

function startTimeout({ startMs }: HostSettings): Fault {
  return new Fault("TQ_HOST_START", `step host was not ready within ${inSeconds(startMs)}`, {
    hint: "the code location takes this long to import; see the host's lines above",
  });
}

function fatal(frame: Extract<HostFrame, { type: "fatal" }>): Fault {
  const detail = frame.error === null ? "" : `\n${frame.error.traceback}`;
  return new Fault("TQ_HOST_START", `step host cannot work (${frame.code}): ${frame.message}${detail}`);
}

const MATCHING_RELEASE = "install the dagster-taskiq release that belongs to this worker";

function mismatch(ready: Ready): Fault {
  return new Fault(
    "TQ_HOST_PROTOCOL",
    `step host speaks protocol ${ready.protocol} (dagster-taskiq ${ready.dagster_taskiq}), this worker ${PROTOCOL}`,
    { hint: MATCHING_RELEASE },
  );
}

function unreadable(detail: string): Fault {
  return new Fault("TQ_HOST_PROTOCOL", `step host sent a broken frame before it was ready: ${detail}`, {
    hint: MATCHING_RELEASE,
  });
}

function endedEarly({ python }: HostSettings, how: string): Fault {
  return new Fault("TQ_HOST_START", `step host ended before it was ready (${how}): ${python} -m dagster_taskiq.host`, {
    hint: "is that the Python that has dagster and dagster-taskiq installed? See the host's lines above",
  });
}
