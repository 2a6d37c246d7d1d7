// Which code locations a step host cannot fork, why, and what to change: for operators.
import type { Observe } from "../observe.ts";

export class LocationAdvice {
  readonly #observe: Observe;
  readonly #sentences = new Map<string, string>();
  /** What the log said last of each location, across hosts. */
  readonly #logged = new Map<string, string>();

  constructor(observe: Observe) {
    this.#observe = observe;
  }

  /** Forgets what a host said that is gone. */
  begin(): void {
    this.#sentences.clear();
  }

  /** Takes in what the location's code left behind; nothing if forks can run its steps. */
  hear(location: string, unforkable: readonly string[]): void {
    this.#sentences.delete(location);
    if (unforkable.length === 0) return;
    const message = sentence(location, unforkable);
    this.#sentences.set(location, message);
    if (this.#logged.get(location) === message) return;
    this.#logged.set(location, message);
    this.#observe({ event: "host.location_unforkable", level: "warn", message, location });
  }

  sentences(): readonly string[] {
    return [...this.#sentences.values()];
  }
}

function sentence(location: string, unforkable: readonly string[]): string {
  const left = unforkable.join(", ");
  return (
    `code location ${location}: each step starts a new Python, which takes seconds, because its code holds ` +
    `what a fork would break: ${left}. Make that in the op or resource that uses it, or tag the ops taskiq/isolation: fork`
  );
}
