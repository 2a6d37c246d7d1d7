// A meter that keeps what it is given. Refuses what the table of metrics does not have.
import assert from "node:assert/strict";
import type { Meter, Reading } from "../../../core/metrics/port.ts";
import { type GaugeName, metrics } from "../../../core/metrics/table.ts";

type Labels = Readonly<Record<string, string>>;

export class Measurements implements Meter {
  readonly counts: [name: string, labels: Labels][] = [];
  readonly records: [name: string, value: number, labels: Labels][] = [];
  readonly #gauges = new Map<string, () => readonly Reading<GaugeName>[]>();

  readonly count: Meter["count"] = (name, labels) => {
    requireKnown(name, "counter", labels);
    this.counts.push([name, labels]);
  };

  readonly record: Meter["record"] = (name, value, labels) => {
    requireKnown(name, "histogram", labels);
    this.records.push([name, value, labels]);
  };

  readonly gauge: Meter["gauge"] = (name, read) => {
    assert.equal(metrics.get(name)?.kind, "gauge");
    this.#gauges.set(name, read as () => readonly Reading<GaugeName>[]);
  };

  /** Collects one gauge. */
  read<N extends GaugeName>(name: N): readonly Reading<N>[] {
    const readings = this.#gauges.get(name)?.() ?? [];
    for (const { labels } of readings) requireKnown(name, "gauge", labels);
    return readings as readonly Reading<N>[];
  }
}

function requireKnown(name: string, kind: string, labels: Labels): void {
  assert.equal(metrics.get(name)?.kind, kind, `there is no ${kind} ${name}`);
  assert.deepEqual(Object.keys(labels).sort(), [...(metrics.get(name)?.labels ?? [])].sort());
}
