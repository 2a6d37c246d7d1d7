// The meter over OpenTelemetry's SDK: one set of instruments, read by Prometheus and sent by OTLP.
// `otlp` is the exporter of the standard variables, which the SDK reads itself.
import type { Attributes, Counter, Histogram, ObservableResult } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import {
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { withUnit } from "./entry.ts";
import type { Meter } from "./port.ts";
import { metrics } from "./table.ts";

export interface MeterOptions {
  readonly version: string;
  /** This worker's identity. */
  readonly worker: string;
  /** Also sends the metrics to the receiver that the `OTEL_*` variables name. */
  readonly otlp: boolean;
}

export interface OpenMeter extends Meter {
  /** All metrics in the text format of Prometheus. */
  text(): Promise<string>;
  /** Sends what was not sent yet. Rejects if the receiver has not taken it within `withinMs`. */
  close(withinMs: number): Promise<void>;
}

/** The semantic conventions that the names of the messaging metrics follow. */
const SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0";

export function openMeter({ version, worker, otlp }: MeterOptions): OpenMeter {
  // Its own server stays off: the worker's health server shows the text.
  const prometheus = new PrometheusExporter({ preventServerStart: true });
  const push = otlp ? [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })] : [];
  const own = { "service.name": "taskiq", "service.version": version, "service.instance.id": worker };
  const resource = defaultResource()
    .merge(resourceFromAttributes(own))
    // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new MeterProvider({ resource, readers: [prometheus, ...push] });
  const meter = provider.getMeter("taskiq", version, { schemaUrl: SCHEMA_URL });
  const counters = new Map<string, Counter>();
  const histograms = new Map<string, Histogram>();
  for (const [name, { kind, unit, means: description, buckets }] of metrics) {
    if (kind === "counter") counters.set(name, meter.createCounter(name, { unit, description }));
    if (kind !== "histogram") continue;
    const advice = { explicitBucketBoundaries: [...(buckets ?? [])] };
    histograms.set(name, meter.createHistogram(name, { unit, description, advice }));
  }
  return {
    count: (name, labels) => counters.get(name)?.add(1, labelled(labels)),
    record: (name, value, labels) => histograms.get(name)?.record(value, labelled(labels)),
    gauge: (name, read) => {
      const { unit = "1", means: description = "" } = metrics.get(name) ?? {};
      meter.createObservableGauge(name, { unit, description }).addCallback((result: ObservableResult) => {
        for (const { value, labels } of read()) result.observe(value, labelled(labels));
      });
    },
    text: async () => serializer.serialize(named((await prometheus.collect()).resourceMetrics)),
    close: (withinMs) => provider.shutdown({ timeoutMillis: withinMs }),
  };
}

/** Each metric has the same scope, which says nothing about it. */
const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);

/** The serializer leaves units out of names. Other ways from OpenTelemetry to Prometheus do not. */
function named(given: ResourceMetrics): ResourceMetrics {
  const rename = (metric: MetricData): MetricData => {
    const { name, unit } = metric.descriptor;
    return { ...metric, descriptor: { ...metric.descriptor, name: withUnit(name, unit) } };
  };
  const scopeMetrics = given.scopeMetrics.map((scope) => ({ ...scope, metrics: scope.metrics.map(rename) }));
  return { ...given, scopeMetrics };
}

/** A label that does not apply is left out. */
function labelled(labels: Readonly<Record<string, string>>): Attributes {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
}
