// Writes engine events about deliveries, for readers of a run in Dagster. This is best effort: no
// delivery waits for one.
import type { Bugs } from "../bugs.ts";
import type { Clock } from "../clock.ts";
import type { Observe } from "../observe.ts";
import { Outages } from "../outages.ts";
import type { Notice, Runner } from "../runner/port.ts";

export interface NoticePorts {
  readonly runner: Pick<Runner, "notice">;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Absent for an operator's command, which ends with what is thrown. */
  readonly bugs?: Pick<Bugs, "supervise">;
}

/**
 * While Dagster's database is down, each event takes a while to fail. More than this are not worth
 * keeping.
 */
const PENDING_MAX = 200;

/** How the log names it. */
const CALL = "writing engine events";

export class Notices {
  readonly #ports: NoticePorts;
  readonly #outages: Outages;
  readonly #pending: Notice[] = [];
  #writing: Promise<void> | null = null;

  constructor(ports: NoticePorts) {
    this.#ports = ports;
    this.#outages = new Outages(ports);
  }

  /** Writes one event at a time, in order: each costs a process, and none takes a slot. */
  readonly notify = (notice: Notice): void => {
    if (this.#pending.length >= PENDING_MAX) this.#lose(notice, "too many are waiting");
    else this.#pending.push(notice);
    this.#writing ??= this.#ports.bugs?.supervise("notices", this.#writeAll()) ?? this.#writeAll();
  };

  /** Resolves when all events are written, or after `withinMs`. */
  async flush(withinMs: number): Promise<void> {
    if (this.#writing === null) return;
    await this.#ports.clock.within(withinMs, this.#writing);
    for (const notice of this.#pending.splice(0)) this.#lose(notice, "the worker stops");
  }

  async #writeAll(): Promise<void> {
    for (let notice = this.#pending.shift(); notice !== undefined; notice = this.#pending.shift()) {
      if (await this.#ports.runner.notice(notice)) this.#outages.worked(CALL);
      else this.#lose(notice, "it could not be written");
    }
    this.#writing = null;
  }

  #lose({ runId, stepKey, message }: Notice, why: string): void {
    const text = `engine event not written for step ${stepKey} of run ${runId} (${why}): ${message}`;
    this.#outages.failed(CALL, why, { event: "notice.lost", level: "warn", message: text, runId, stepKey, why });
  }
}
