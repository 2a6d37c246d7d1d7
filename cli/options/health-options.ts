// The options that a worker and its health check share. The worker listens where the health check
// asks.
import { setting } from "./option.ts";
import { choice, duration, names, text, unlessOff, wholeNumber } from "./values.ts";

const GROUP = "Health";
const host = text("<host>", "a host name or an IP address", /^[\w.:%-]+$/);

/** 0 asks the system for any free port; a health check could not know which. */
export function healthPort(lowest: 0 | 1) {
  return setting({
    flag: "--health-port",
    env: ["TASKIQ_WORKER_HEALTH_PORT"],
    group: GROUP,
    help: `Port of the worker's status page, /livez, /readyz, /healthz and /metrics${lowest === 0 ? "; 0 takes any free one" : ""}.`,
    kind: wholeNumber(lowest, 65_535),
    fallback: "8080",
  });
}

export const readyWithin = setting({
  flag: "--ready-within",
  env: ["TASKIQ_READY_WITHIN"],
  group: GROUP,
  help: "How long a worker may live that has never been ready. After that /livez fails, so that an orchestrator replaces the worker. Once ready, no outage does that.",
  kind: unlessOff(duration(1_000, 24 * 3_600_000)),
  fallback: "5m",
});

// Loopback is enough for a health check that runs inside the container, as the one of ECS does, and
// shows nothing to the network.
export const healthHost = setting({
  flag: "--health-host",
  env: ["TASKIQ_WORKER_HEALTH_HOST"],
  group: GROUP,
  help: "Address of the worker's health server; 0.0.0.0 lets other machines ask, as a load balancer or a Kubernetes probe must.",
  kind: host,
  fallback: "127.0.0.1",
});

export const statusPage = setting({
  flag: "--status-page",
  env: ["TASKIQ_STATUS_PAGE"],
  group: GROUP,
  help: "Which requests the health port answers with the status page and /status.json, which name runs, steps and errors: those from this machine to localhost, all that reach the port, or none.",
  kind: choice(["local", "network", "off"]),
  fallback: "local",
});

/** Each name is a series of its own in every metric of steps, so nothing but a list adds some. */
export const metricsJobs = setting({
  flag: "--metrics-jobs",
  env: ["TASKIQ_METRICS_JOBS"],
  group: GROUP,
  help: "Jobs that the metrics of steps name in their label `job`, separated by commas. Other jobs share the series without it.",
  kind: names(100),
  fallback: "",
});
