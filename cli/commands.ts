// The subcommands there are. Each is loaded when it is asked for: a health check must not pay for
// the AWS SDK.
import type { Listed } from "./command.ts";

export const commands: readonly Listed[] = [
  {
    name: "dev",
    summary: "Serve a Dagster project on this machine: a queue, a worker and Dagster's UI",
    load: async () => (await import("./dev/dev.ts")).command,
  },
  {
    name: "run",
    summary: "Take steps from the queue until stopped",
    load: async () => (await import("./run/run.ts")).command,
  },
  {
    name: "drain",
    summary: "Work the queue until it is proven empty",
    load: async () => (await import("./drain/drain.ts")).command,
  },
  {
    name: "quiet",
    summary: "Ask workers, anywhere or on this machine, to take no new steps",
    load: async () => (await import("./quiet/quiet.ts")).command,
  },
  {
    name: "resume",
    summary: "Let quiet workers take steps again",
    load: async () => (await import("./resume/resume.ts")).command,
  },
  {
    name: "explain",
    summary: "Say why a step is not running, or what became of it",
    load: async () => (await import("./explain/explain.ts")).command,
  },
  {
    name: "logs",
    summary: "Print what a step printed, while it runs or afterwards",
    load: async () => (await import("./logs/logs.ts")).command,
  },
  {
    name: "inspect-dlq",
    summary: "List the dead letters without harm, and what to do about each",
    load: async () => (await import("./inspect-dlq/inspect-dlq.ts")).command,
  },
  {
    name: "replay",
    summary: "Put dead letters back into their queue",
    load: async () => (await import("./replay/replay.ts")).command,
  },
  {
    name: "purge",
    summary: "Delete dead letters that are safe to delete, or that you name",
    load: async () => (await import("./purge/purge.ts")).command,
  },
  {
    name: "fail",
    summary: "Record the failure of dead letters whose runs still wait for them",
    load: async () => (await import("./fail/fail.ts")).command,
  },
  {
    name: "reexecute",
    summary: "Have Dagster re-execute the runs of dead letters from failure",
    load: async () => (await import("./reexecute/reexecute.ts")).command,
  },
  {
    name: "doctor",
    summary: "Check everything that a worker needs, and say what to do",
    load: async () => (await import("./doctor/doctor.ts")).command,
  },
  {
    name: "migrate",
    summary: "Bring the ledger's tables up to date",
    load: async () => (await import("./migrate/migrate.ts")).command,
  },
  {
    name: "healthcheck",
    summary: "Ask the worker in this container whether it is well",
    load: async () => (await import("./healthcheck/healthcheck.ts")).command,
  },
];
