// The meter: what takes the measurements of a worker.
import type { CounterName, GaugeName, HistogramName, LabelsOf } from "./table.ts";

/** Methods must not throw and must not block. */
export interface Meter {
  count<N extends CounterName>(name: N, labels: LabelsOf<N>): void;
  /** `value` is in the metric's unit. */
  record<N extends HistogramName>(name: N, value: number, labels: LabelsOf<N>): void;
  /** `read` is called for each collection and must not wait. */
  gauge<N extends GaugeName>(name: N, read: () => readonly Reading<N>[]): void;
}

export interface Reading<N extends GaugeName> {
  readonly value: number;
  readonly labels: LabelsOf<N>;
}
