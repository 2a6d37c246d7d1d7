// Makes the queues of a worker quiet, and lets them go on, as operators ask on its own machine and
// through the ledger.
import type { Clock } from "../clock.ts";
import { counted } from "../formats/counted.ts";
import type { QuietRequest } from "../ledger/quiet-records.ts";
import type { Observe } from "../observe.ts";
import type { AskedQuiet, Quiet } from "./quiet.ts";
import { askedBy, endReason, inForce, isQueueMeant, isWorkerMeant, quietReason } from "./quiet-requests.ts";

export interface QuietQueueState {
  /** The queue's name, without the rest of its URL. */
  readonly name: string;
  readonly quiet: Quiet;
}

export interface QuietSwitchPorts {
  readonly clock: Pick<Clock, "wallMs">;
  readonly observe: Observe;
  /** How many steps run. */
  readonly busy: () => number;
  /** Called when the last queue becomes quiet, and when one goes on. */
  readonly onChange: (quiet: boolean) => void;
}

export class QuietSwitch {
  readonly #worker: string;
  readonly #queues: readonly QuietQueueState[];
  readonly #ports: QuietSwitchPorts;
  /** The request made on the worker's own machine. */
  #here: AskedQuiet | null = null;
  #requests: readonly QuietRequest[] = [];

  constructor(worker: string, queues: readonly QuietQueueState[], ports: QuietSwitchPorts) {
    this.#worker = worker;
    this.#queues = queues;
    this.#ports = ports;
  }

  /**
   * Makes all queues quiet. The first request on this machine stays in force, and later ones change
   * nothing.
   */
  askHere(by: string): void {
    if (this.#here !== null) return;
    this.#here = { by, why: null, atMs: this.#ports.clock.wallMs(), untilMs: null, queue: null };
    this.#apply(() => "");
  }

  /** Undoes `askHere`. Requests made through the ledger stay in force. */
  resumeHere(by: string): void {
    if (this.#here === null) return;
    this.#here = null;
    this.#apply(() => `${by} asked for it`);
  }

  /** Takes over the ledger's requests: those in force, and those that were lifted lately. */
  hear(requests: readonly QuietRequest[]): void {
    this.#requests = inForce(requests).filter((one) => isWorkerMeant(one, this.#worker));
    this.#apply((ended) => endReason(ended, requests));
  }

  /** A request that makes every queue quiet. `null` means that at least one queue takes steps. */
  get asked(): AskedQuiet | null {
    const [first] = this.#queues;
    return this.#queues.every(({ quiet }) => quiet.asked.length > 0) ? (first?.quiet.asked[0] ?? null) : null;
  }

  #apply(whyEnded: (ended: AskedQuiet) => string): void {
    const all = [...(this.#here === null ? [] : [this.#here]), ...this.#requests.map(askedBy)];
    const wasQuiet = this.asked !== null;
    const began = new Map<string, AskedQuiet>();
    const resumed: { readonly name: string; readonly last: AskedQuiet }[] = [];
    for (const { name, quiet } of this.#queues) {
      const before = quiet.asked;
      quiet.become(all.filter((one) => isQueueMeant(one, name)));
      const known = new Set(before.map(quietReason));
      for (const one of quiet.asked) if (!known.has(quietReason(one))) began.set(quietReason(one), one);
      const last = before.at(-1);
      if (quiet.asked.length === 0 && last !== undefined) resumed.push({ name, last });
    }
    for (const [reason, one] of began) this.#logQuiet(reason, one);
    this.#logResumed(resumed, whyEnded);
    if (wasQuiet !== (this.asked !== null)) this.#ports.onChange(!wasQuiet);
  }

  #logQuiet(reason: string, { by, why, queue }: AskedQuiet): void {
    const busy = this.#ports.busy();
    const about = { by, why, busy, ...(queue === null ? {} : { queue }) };
    const message = `${reason}; ${counted(busy, "running step")} may finish`;
    this.#ports.observe({ event: "worker.quiet", level: "warn", message, ...about });
  }

  #logResumed(
    resumed: readonly { readonly name: string; readonly last: AskedQuiet }[],
    whyEnded: (ended: AskedQuiet) => string,
  ): void {
    const [first] = resumed;
    if (first === undefined) return;
    const all = resumed.length === this.#queues.length;
    const from = all ? "" : ` from ${resumed.map(({ name }) => name).join(", ")}`;
    const message = `taking steps again${from}: ${whyEnded(first.last)}`;
    this.#ports.observe({ event: "worker.resumed", level: "info", message });
  }
}
