// What a step host says of itself once it is ready, and whether anything can run in it.
import type { Observe } from "../observe.ts";
import type { Ready } from "./frames.ts";

/** Why nothing can run, when no code location could be imported; one that works is enough to go on. */
export function importFailure(ready: Ready): string | null {
  const [first] = ready.locations;
  if (first === undefined || ready.locations.some(({ error }) => error === null)) return null;
  return `code location ${first.name} cannot be imported: ${first.error?.class}: ${first.error?.message}`;
}

export function tellReady(ready: Ready, observe: Observe): void {
  const { dagster, python, pid } = ready;
  const locations = ready.locations.map(({ name }) => name).join(", ");
  const message = `step host ready: Dagster ${dagster}, Python ${python}${locations === "" ? "" : `, ${locations}`}`;
  observe({ event: "host.ready", level: "info", message, pid, dagster, python });
  for (const { name, error } of ready.locations) {
    if (error === null) continue;
    const text = `code location ${name} cannot be imported: ${error.class}: ${error.message}\n${error.traceback}`;
    observe({ event: "host.location_failed", level: "error", message: text, location: name });
  }
}
