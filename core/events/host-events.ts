// Log events about the step host, the Python half of a worker. Pure.
import type { EventTable } from "./entry.ts";

export const hostEvents = {
  "host.ready": {
    levels: ["info"],
    fields: { pid: "number", dagster: "string", python: "string" },
    means: "The step host is up. The message names its versions and its code locations.",
    act: null,
  },
  "host.start_failed": {
    levels: ["error"],
    fields: {},
    means: "A lost step host could not be started again. The worker tries again, at most every 30 seconds.",
    act: "Read the error, and the `host.output` lines before it.",
  },
  "host.lost": {
    levels: ["error"],
    fields: { work: "number" },
    means: "The step host ended, and its steps with it. The worker starts a new host, and the steps run again.",
    act: "Look for a kill by the kernel (memory) or by an operator.",
  },
  "host.location_imported": {
    levels: ["info"],
    fields: { location: "string" },
    means: "A code location is imported, for the first time or again after a change.",
    act: null,
  },
  "host.location_failed": {
    levels: ["error"],
    fields: { location: "string" },
    means: "A code location cannot be imported, so its steps wait. The host tries again when its files change.",
    act: "Correct the code. The message has the traceback.",
  },
  "host.location_unforkable": {
    levels: ["warn"],
    fields: { location: "string" },
    means:
      "The code started threads or connections when it was imported, or when a job of it was built. Each step therefore starts a new Python, which is slow.",
    act: "Open them in the op or resource that uses them, or tag the ops `taskiq/isolation: fork`.",
  },
  "host.output": {
    levels: ["info", "debug", "warn", "error"],
    fields: { stream: "string" },
    means: "A line that the step host printed: Dagster, your imports, or the host itself. The line decides the level.",
    act: "Read warnings and errors as your own program's.",
  },
  "host.broken_frame": {
    levels: ["error"],
    fields: {},
    means: "The worker could not read a frame from the step host and ignores it.",
    act: "Install the `dagster-taskiq` release that belongs to the worker. Otherwise report it.",
  },
  "host.frames_closed": {
    levels: ["debug"],
    fields: {},
    means: "The connection to the step host broke. `host.lost` follows.",
    act: null,
  },
} as const satisfies EventTable;
