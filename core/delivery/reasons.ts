// The reasons why a message is a dead letter: one word each, in notes, logs, Dagster's events,
// filters and pages. Pure.

const words = {
  malformed: "its body cannot be read as a step",
  unsigned: "it has no signature of the worker's keys, so nothing that it says is believed",
  payload_mismatch: "another body was claimed under its key before; it asks for something else and is not run",
  not_open:
    "its run has not sent what it asks for: a later attempt, a step whose turn it is not, an unknown mapping key",
  other_instance: "it names another Dagster instance than the worker's",
  unknown_run: "the worker's Dagster instance knows no such run",
  step_fault:
    "each start ended without an outcome while its worker lived: its process was killed, or could not run the step",
  crash_loop: "it was started as often as it may be without an outcome, and its workers died with it",
  timed_out: "it ran, or was silent, for longer than it may",
  over_limit: "it wrote too much, or had too many processes",
  worker_lost: "its worker died, and `taskiq/on_worker_lost: fail` forbids another start",
  dynamic_outputs_recorded: "it died after it had recorded dynamic outputs, which cannot be recorded twice",
  settled_dead: "the ledger had it as a dead letter already, whose copy may not have been sent",
  failed_by_operator: "an operator gave it up with `taskiq fail`",
  moved_by_sqs: "SQS itself moved it: it was received too often without an end",
  moved_from_elsewhere: "SQS itself moved it, from a queue that is not the workers'",
} as const;

/** Only operators find `moved_from_elsewhere`: workers leave such messages where they are. */
export type Reason = Exclude<keyof typeof words, "moved_from_elsewhere">;

/** Each reason with its meaning, as the pages show it. */
export const reasons: ReadonlyMap<string, string> = new Map(Object.entries(words));

/** Words of earlier releases, which still stand in the notes that those wrote. */
const former: ReadonlyMap<string, Reason> = new Map([["dead_lettered", "moved_by_sqs"]]);

/**
 * Returns today's word for a word that was stored or given. A word of a newer release stays as it
 * is.
 */
export function reasonNamed(word: string): string {
  return former.get(word) ?? word;
}
