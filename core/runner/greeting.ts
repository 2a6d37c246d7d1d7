// Starts a step host only to hear what it says of itself, of its code locations and of Dagster's
// storages, and ends it.
import type { Clock } from "../clock.ts";
import type { Observe } from "../observe.ts";
import { requireSignals } from "../process-group.ts";
import type { ErrorInfo } from "../step/step.ts";
import type { HostFrame, Ready } from "./frames.ts";
import { HostProcess, type HostSettings } from "./host-process.ts";

type Location = Ready["locations"][number];

export interface Greeting {
  readonly host: Ready;
  /** As they were at the end; those that were still importing then say so. */
  readonly locations: readonly Location[];
  /** Why Dagster's storages cannot be read; null when they can. */
  readonly storage: ErrorInfo | null;
}

const PROBE = "1";
const TOO_LATE: ErrorInfo = {
  class: "NoAnswer",
  message: "Dagster's storages have not answered in time",
  traceback: "",
};

/**
 * Rejects with a `Fault` when the host, or a worker beside it, cannot work. `settings.startMs` is
 * the time for all of it.
 */
export async function greetHost(
  settings: HostSettings,
  ports: { readonly clock: Clock; readonly observe: Observe },
): Promise<Greeting> {
  requireSignals();
  const endsAtMs = ports.clock.monoMs() + settings.startMs;
  const heard = new Heard();
  const host = new HostProcess(settings, heard.hear, ports);
  try {
    const ready = await host.ready;
    for (const location of ready.locations) heard.place(location);
    host.send({ type: "probe", id: PROBE, run_id: null });
    const leftMs = Math.max(0, endsAtMs - ports.clock.monoMs());
    await ports.clock.within(leftMs, Promise.race([Promise.all([heard.all, heard.probed]), host.ended]));
    return { host: ready, locations: heard.locations, storage: heard.storage };
  } finally {
    // It has no step, and what it started watches it.
    host.kill();
    await host.ended;
  }
}

/** What the host has said so far. */
class Heard {
  storage: ErrorInfo | null = TOO_LATE;
  readonly #locations = new Map<string, Location>();
  readonly #probed = Promise.withResolvers<void>();
  readonly #all = Promise.withResolvers<void>();

  /** Resolves when Dagster's storages have answered. */
  get probed(): Promise<void> {
    return this.#probed.promise;
  }

  /** Resolves when no location is importing any more. */
  get all(): Promise<void> {
    this.#settle();
    return this.#all.promise;
  }

  get locations(): readonly Location[] {
    return [...this.#locations.values()];
  }

  place(location: Location): void {
    this.#locations.set(location.name, location);
  }

  readonly hear = (frame: HostFrame): void => {
    if (frame.type === "location") {
      this.place(frame);
      this.#settle();
    } else if (frame.type === "outcome" && frame.id === PROBE) {
      const { outcome } = frame;
      this.storage = outcome.kind === "fault" ? outcome.error : null;
    } else if (frame.type === "exited" && frame.id === PROBE) this.#probed.resolve();
  };

  #settle(): void {
    if (this.locations.every(({ error }) => error?.class !== "StillImporting")) this.#all.resolve();
  }
}
