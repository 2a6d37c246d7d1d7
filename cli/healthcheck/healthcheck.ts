// `taskiq healthcheck`: asks the worker in this container. It exits with 0 or 1, also for wrong
// usage, because a container health check knows no other codes. It prints nothing when all is well.
import * as v from "valibot";
import { formatDuration } from "../../core/formats/durations.ts";
import { parseJson } from "../../core/formats/json.ts";
import { printableJson, printableLine } from "../../core/formats/printable.ts";
import { shortened } from "../../core/formats/shortened.ts";
import { defineCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { askLocal, type LocalAnswer } from "../local-http.ts";
import { healthHost, healthPort } from "../options/health-options.ts";
import { onOff, setting } from "../options/option.ts";
import type { Setup } from "../options/setup.ts";
import { duration } from "../options/values.ts";
import { sayOn } from "../terminal/say.ts";

const options = {
  healthPort: healthPort(1),
  healthHost,
  timeoutMs: setting({
    flag: "--timeout",
    env: ["TASKIQ_HEALTHCHECK_TIMEOUT"],
    group: "Health",
    help: "How long the worker may take to answer.",
    kind: duration(1, 60_000),
    fallback: "2s",
  }),
  ready: onOff({
    flag: "--ready",
    env: ["TASKIQ_HEALTHCHECK_READY"],
    group: "Health",
    help: "Ask whether it takes steps now (/readyz) instead of whether it is alive and was ready once (/healthz). Do not restart a worker that fails this check: every worker fails it during an outage.",
  }),
};

export interface HealthcheckConfig {
  readonly host: string;
  readonly port: number;
  readonly path: "/healthz" | "/readyz";
  readonly timeoutMs: number;
}

export const healthcheckSetup: Setup<typeof options, HealthcheckConfig> = {
  options,
  rules: () => ({ problems: [], warnings: [] }),
  config: ({ healthHost: host, healthPort: port, ready, timeoutMs }) => ({
    host: reachable(host),
    port,
    path: ready ? "/readyz" : "/healthz",
    timeoutMs,
  }),
};

export const command = defineCommand({
  name: "healthcheck",
  setup: healthcheckSetup,
  examples: [
    "taskiq healthcheck",
    "taskiq healthcheck --ready --timeout 5s",
    "TASKIQ_WORKER_HEALTH_PORT=9000 taskiq healthcheck",
  ],
  no: "The worker is not well, does not answer, or the usage is wrong.",
  usageExit: exitCodes.no,
  warnsOfVariables: false,
  run: async (config, io) => {
    const trouble = troubleIn(await askLocal({ ...config, method: "GET" }), config);
    if (trouble === null) return exitCodes.done;
    sayOn(io.stderr, "taskiq healthcheck")(trouble);
    return exitCodes.no;
  },
});

/** Where a server listens on every address, loopback is one of them. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

function troubleIn(answer: LocalAnswer, { host, port, path, timeoutMs }: HealthcheckConfig): string | null {
  const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  switch (answer.kind) {
    case "timed_out":
      return `no answer from ${where} within ${formatDuration(timeoutMs)}`;
    case "not_http":
      return `${where} answered, but not as a worker does`;
    case "failed":
      return answer.code === "ECONNREFUSED" ? `no worker listens on ${where}` : `cannot ask ${where}: ${answer.code}`;
    case "answered":
      return answer.status === 200 ? null : `${where}${path} says ${answer.status}: ${whyIn(answer.body)}`;
  }
}

/** Several outages' reasons fit; ECS keeps 4096 bytes of what a check says. */
const LONGEST_WHY = 1_000;
const LONGEST_BODY = 200;

const Refusal = v.object({ why: v.string() });

/**
 * Returns the reason that a worker's answer gives, or the beginning of another program's answer.
 */
export function whyIn(body: string): string {
  const read = v.safeParse(Refusal, parseJson(body));
  return read.success
    ? printableLine(shortened(read.output.why, LONGEST_WHY))
    : printableJson(shortened(body, LONGEST_BODY));
}
