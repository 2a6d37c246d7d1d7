// The lines of the bench's table.
import { type Figure, figureOf } from "./figures.ts";

export interface Row {
  readonly section: string;
  readonly name: string;
  /** With its unit. */
  readonly value: string;
  /**
   * Beside Dagster in one process, in the same round. `null` where there is nothing to compare
   * with.
   */
  readonly ratio: Figure | null;
  readonly goal: Goal | null;
}

export interface Goal {
  readonly text: string;
  readonly met: boolean;
}

/** A goal for the median ratio. */
export function ratioGoal(ratio: Figure, bound: { readonly least?: number; readonly most?: number }): Goal {
  const { least, most } = bound;
  if (least !== undefined) return { text: `≥ ${least} ×`, met: ratio.median >= least };
  return { text: `≤ ${most} ×`, met: ratio.median <= (most ?? 0) };
}

export function valueGoal(value: number, most: number, unit: string): Goal {
  return { text: `≤ ${most} ${unit}`, met: value <= most };
}

export function ratios<T>(pairs: readonly T[], of: (pair: T) => number): Figure {
  return figureOf(pairs.map(of));
}

export function renderTable(rows: readonly Row[]): string {
  const head = ["", "measured", "ratio to in-process", "least to most", "goal", ""];
  const lines = rows.map(({ name, value, ratio, goal }) => [
    ...[name, value, ratio === null ? "" : times(ratio.median)],
    ratio === null ? "" : `${times(ratio.least)} to ${times(ratio.most)}`,
    ...[goal?.text ?? "", goal === null ? "" : met(goal)],
  ]);
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 0)} ×`;
}

function met(goal: Goal): string {
  return goal.met ? "met" : "**missed**";
}
