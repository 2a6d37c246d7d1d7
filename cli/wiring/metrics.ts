// Opens the worker's metrics: for its health server, and for a receiver of OpenTelemetry if the
// standard variables name one.
import { performance } from "node:perf_hooks";
import type { OpenMeter } from "../../core/metrics/otel.ts";
import type { ProcessFacts } from "../../core/metrics/worker-gauges.ts";
import type { Env } from "../options/resolve.ts";
import { version } from "../version.ts";

/** Variables of OpenTelemetry that name where metrics go. Nothing is sent without one of them. */
const RECEIVERS = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"];

export async function openMetrics(worker: string, env: Env): Promise<OpenMeter> {
  // Commands that have no metrics need not load the SDK.
  const { openMeter } = await import("../../core/metrics/otel.ts");
  return openMeter({ version, worker, otlp: sends(env) });
}

function sends(env: Env): boolean {
  if (env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true" || env["OTEL_METRICS_EXPORTER"] === "none") return false;
  return RECEIVERS.some((name) => (env[name] ?? "") !== "");
}

/** Returns a reading of this process. */
export function processFacts(): () => ProcessFacts {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return { bytes: process.memoryUsage.rss(), busy: utilization };
  };
}
