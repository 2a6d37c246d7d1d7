// Collects what the core tells.
import type { Observation } from "../../core/observe.ts";

export class Observations {
  readonly all: Observation[] = [];

  readonly observe = (observation: Observation): void => {
    this.all.push(observation);
  };

  of(event: string): readonly Observation[] {
    return this.all.filter((observation) => observation.event === event);
  }

  /** The messages of one event, in order. */
  messages(event: string): readonly string[] {
    return this.of(event).map(({ message }) => message);
  }
}
