// What a step host says of its code locations: which can run steps, and what is logged of
// them.
import type { Observe } from "../observe.ts";
import type { ErrorInfo } from "../step/step.ts";
import type { HostFrame, Ready } from "./frames.ts";
import { LocationAdvice } from "./location-advice.ts";

type LocationFrame = Extract<HostFrame, { type: "location" }>;

export class CodeLocations {
  readonly #observe: Observe;
  /** Those of the worker's own flags. Null: imported. */
  #own = new Map<string, ErrorInfo | null>();
  /**
   * What the log said last of each, across hosts: an outage is reported once, with its traceback.
   */
  readonly #logged = new Map<string, string | null>();
  readonly #advice: LocationAdvice;

  constructor(observe: Observe) {
    this.#observe = observe;
    this.#advice = new LocationAdvice(observe);
  }

  /** Takes in a new host's first frame, and logs it. */
  begin(ready: Ready): void {
    this.#own = new Map(ready.locations.map(({ name, error }) => [name, error]));
    const { dagster, python, pid } = ready;
    const names = this.#names((error) => error === null);
    const missing = this.broken();
    const what = this.unavailable() === null ? "step host ready" : "step host started";
    const message = [
      `${what}: Dagster ${dagster}, Python ${python}`,
      ...(names === "" ? [] : [names]),
      ...(missing === null ? [] : [`without ${this.#names((error) => error !== null)}`]),
    ].join(", ");
    this.#observe({ event: "host.ready", level: "info", message, pid, dagster, python });
    this.#advice.begin();
    for (const { name, error, unforkable } of ready.locations) {
      if (error === null) this.#logged.set(name, null);
      else this.#logFailure(name, error);
      this.#advice.hear(name, unforkable);
    }
  }

  /** Takes in what has become of a location, and logs it. */
  hear({ name, error, changed, unforkable }: LocationFrame): void {
    this.#advice.hear(name, unforkable);
    if (this.#own.has(name)) this.#own.set(name, error);
    if (error === null) this.#logImport(name, changed);
    else this.#logFailure(name, error);
  }

  /** Sentences for operators about locations whose steps are slower than they could be. */
  advice(): readonly string[] {
    return this.#advice.sentences();
  }

  /**
   * Why no step can run, if none of the worker's own locations can be imported; one is enough to go
   * on.
   */
  unavailable(): string | null {
    const errors = [...this.#own.values()];
    return errors.length === 0 || errors.includes(null) ? null : this.broken();
  }

  /** The locations of its own that cannot be imported, for operators. */
  broken(): string | null {
    const broken = [...this.#own].flatMap(([name, error]) => (error === null ? [] : [failure(name, error)]));
    return broken.length === 0 ? null : broken.join("; ");
  }

  #names(which: (error: ErrorInfo | null) => boolean): string {
    return [...this.#own].flatMap(([name, error]) => (which(error) ? [name] : [])).join(", ");
  }

  #logImport(name: string, changed: string | null): void {
    // Nothing is imported when the host only says what the code has left behind since.
    if (changed === null && this.#logged.get(name) === null) return;
    this.#logged.set(name, null);
    const why = changed === null ? "" : ` again: ${changed} has changed`;
    const message = `code location ${name} is imported${why}`;
    this.#observe({ event: "host.location_imported", level: "info", message, location: name });
  }

  #logFailure(name: string, error: ErrorInfo): void {
    const short = failure(name, error);
    if (this.#logged.get(name) === short) return;
    this.#logged.set(name, short);
    const message = error.traceback === "" ? short : `${short}\n${error.traceback}`;
    this.#observe({ event: "host.location_failed", level: "error", message, location: name });
  }
}

/** A location host that ended has said which one it was. */
function failure(name: string, error: ErrorInfo): string {
  if (error.class === "LocationHostLost") return error.message;
  return `code location ${name} cannot be imported: ${error.class}: ${error.message}`;
}
