// What `taskiq replay` and `taskiq purge` print: each dead letter with what would be done, or was.
// Data on stdout.

import { letterRecord } from "../../core/dead-letters/records.ts";
import type { ReplayOutcome } from "../../core/dead-letters/replay/await-outcomes.ts";
import type { ReplayEnd } from "../../core/dead-letters/replay/replay.ts";
import type { PlannedLetter, ReplayAct } from "../../core/dead-letters/replay/replay-plan.ts";
import { printableJson } from "../../core/formats/printable.ts";
import type { Io } from "../command.ts";
import { type Column, renderTable } from "../terminal/table.ts";
import { widthOf } from "../terminal/terminal.ts";
import { namesOf } from "./letter-texts.ts";

const COLUMNS: readonly Column[] = [
  { title: "ID", least: 8, lines: 1 },
  { title: "RUN", least: 8, lines: 1, worth: 1 },
  { title: "STEP", least: 10, lines: 3 },
  { title: "WHAT", least: 12, lines: 2 },
  { title: "WHY", least: 16, lines: 6 },
];

const WOULD_BE: Readonly<Record<ReplayAct, string>> = {
  send: "would be sent",
  finish: "would be deleted",
  purge: "would be deleted",
  skip: "skipped",
  refuse: "refused",
};

const WAS: Readonly<Record<ReplayEnd["kind"], string>> = {
  sent: "sent",
  deleted: "deleted",
  not_deleted: "not deleted",
  changed: "changed",
  not_sent: "not sent",
  in_doubt: "begun",
};

const WHY_NOT: Readonly<Partial<Record<ReplayEnd["kind"], string>>> = {
  not_deleted: "done, but its letter could not be deleted: run this again",
  changed: "another reader has it, or its attempt changed since it was looked at: run this again",
  not_sent: "SQS did not take it, or one before it in its group was not sent: run this again",
  in_doubt: "no answer came, so it may be done in part: run this again, which finishes it",
};

const BECAME: Readonly<Record<NonNullable<ShownLetter["outcome"]>, string>> = {
  succeeded: "succeeded",
  failed: "failed",
  buried: "dead again",
  open: "not ended yet",
};

/** `end` is null for what was not acted on. */
export interface ShownLetter {
  readonly planned: PlannedLetter;
  readonly end: ReplayEnd | null;
  /** What became of its step. `null` when the command did not wait for it, or did not send it. */
  readonly outcome: ReplayOutcome | "open" | null;
}

export function showPlans(
  letters: readonly ShownLetter[],
  acted: boolean,
  json: boolean,
  { stdout, env }: Pick<Io, "stdout" | "env">,
): void {
  if (json) {
    for (const letter of letters) stdout.write(`${printableJson(recordOf(letter))}\n`);
  } else if (letters.length > 0) {
    stdout.write(
      renderTable(
        COLUMNS,
        letters.map((letter) => rowOf(letter, acted)),
        widthOf(stdout, env),
      ),
    );
  }
}

function recordOf({ planned, end, outcome }: ShownLetter) {
  const { act, why, joined } = planned;
  const sentId = end?.kind === "sent" ? end.messageId : null;
  return { ...letterRecord(joined), plan: act, why, end: end?.kind ?? null, outcome, new_message_id: sentId };
}

function rowOf(letter: ShownLetter, acted: boolean): readonly string[] {
  const { planned, end } = letter;
  return [
    ...namesOf(planned.joined.letter),
    whatOf(letter, acted),
    (end === null ? undefined : WHY_NOT[end.kind]) ?? planned.why,
  ];
}

function whatOf({ planned, end, outcome }: ShownLetter, acted: boolean): string {
  if (outcome !== null) return BECAME[outcome];
  if (end !== null) return WAS[end.kind];
  return acted && isDone(planned.act) ? "not reached" : WOULD_BE[planned.act];
}

/** Whether anything is done about it at all. */
export function isDone(act: ReplayAct): boolean {
  return act === "send" || act === "finish" || act === "purge";
}

/** `3 sent, 1 refused`. */
export function plansSummary(letters: readonly ShownLetter[], acted: boolean): string {
  const words = letters.map((letter) => rowOf(letter, acted)[3] ?? "");
  const counted = Map.groupBy(words, (word) => word);
  return [...counted].map(([word, same]) => `${same.length} ${word}`).join(", ") || "no dead letter is meant";
}
