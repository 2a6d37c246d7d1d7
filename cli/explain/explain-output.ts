// What `taskiq explain` prints: a paragraph, the history, and what to do.
import type { Explanation } from "../../core/explain/evidence.ts";
import { printableLine } from "../../core/formats/printable.ts";
import { type Column, renderTable } from "../terminal/table.ts";

/** Something that happened to a step, in the words of one of its records. */
export interface HistoryEntry {
  readonly atMs: number;
  readonly from: "Dagster" | "ledger" | "dead letters";
  readonly text: string;
}

export interface Explained {
  readonly run: string;
  readonly job: string | null;
  /** `null` means that the whole run was asked about. */
  readonly step: string | null;
  readonly explanation: Explanation<string>;
  /** Oldest first. */
  readonly history: readonly HistoryEntry[];
  /** The steps that have not ended, where the whole run was asked about. */
  readonly open: readonly OpenStep[];
}

export interface OpenStep {
  readonly step: string;
  readonly explanation: Explanation;
}

const COLUMNS: readonly Column[] = [
  { title: "STEP", least: 12, lines: 2 },
  { title: "STATE", least: 14, lines: 1 },
  { title: "WHY", least: 30, lines: 4 },
];

export function explainedText({ run, job, step, explanation, history, open }: Explained, width: number): string {
  const of = job === null ? "" : ` (job ${job})`;
  const title = printableLine(step === null ? `Run ${run}${of}` : `Step ${step} of run ${run}${of}`);
  const { kind, why, next } = explanation;
  return [
    `${title}: ${kind.replaceAll("_", " ")}`,
    "",
    printableLine(why),
    ...section("What happened", history.map(historyLine)),
    ...section(
      "What to do",
      next.map((each) => `  ${printableLine(each)}`),
    ),
    ...(open.length === 0 ? [] : ["", renderTable(COLUMNS, open.map(openRow), width).trimEnd()]),
    "",
  ].join("\n");
}

export function explainedRecord({ explanation, history, open, ...rest }: Explained): object {
  return {
    ...rest,
    ...explanation,
    history: history.map(({ atMs, from, text }) => ({ at_ms: atMs, from, text })),
    open: open.map((one) => ({ step: one.step, ...one.explanation })),
  };
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", `${title}:`, ...lines];
}

function historyLine({ atMs, from, text }: HistoryEntry): string {
  return `  ${new Date(atMs).toISOString()}  ${from}: ${printableLine(text)}`;
}

function openRow({ step, explanation: { kind, why } }: OpenStep): readonly string[] {
  return [step, kind.replaceAll("_", " "), why];
}
