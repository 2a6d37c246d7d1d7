// What a queue writer may send against a run: one table for the worker, which is sent all of it at
// once, and for both decoders.

/**
 * A run of `waits_for_file` whose only step is running, and one of `dynamic` in which `split` has
 * ended.
 */
export interface Victims {
  readonly running: string;
  readonly mapped: string;
  /** Files that no step may read or run; unpickling or importing `trap` leaves a file beside it. */
  readonly trap: string;
}

export interface Attack {
  readonly title: string;
  readonly body: (victims: Victims) => string;
  /**
   * The end of the message: the reason of its burial, a deletion without a step, or a release.
   * Decoders refuse those that are `malformed`.
   */
  readonly end: "malformed" | "not_open" | "acked" | "released";
}

type Fields = Readonly<Record<string, unknown>>;

const about =
  (runOf: (victims: Victims) => string, stepKey: string) =>
  (fields: Fields = {}) =>
  (victims: Victims) =>
    JSON.stringify({
      version: 1,
      run_id: runOf(victims),
      step_key: stepKey,
      op_name: null,
      retry_count: 0,
      known_state: null,
      retry_mode: "deferred",
      on_fault: null,
      enqueued_at: null,
      tags: {},
      ...fields,
    });

const wait = about(({ running }) => running, "wait");
const mapped = (key: string) => about(({ mapped: runId }) => runId, `double[${key}]`);
const taskIq = (rest: Fields) => JSON.stringify({ task_id: "t", task_name: "execute_op", ...rest });

/** What every version of Dagster's step arguments and of this contract once named. */
const everyFile = ({ trap }: Victims): Fields => ({
  known_state: JSON.stringify({ __class__: "KnownExecutionState", dynamic_mappings: { split: { result: [trap] } } }),
  job_origin: { repository_origin: { code_pointer: { python_file: trap }, entry_point: [trap] } },
  python_file: trap,
  module_name: "evil",
  entry_point: [trap],
  instance_ref: { base_dir: trap },
  op_config: { file: trap },
  inputs: { number: trap },
  env: { PYTHONSTARTUP: trap },
});

const notOpen: readonly Attack[] = [
  ...[1, 7, 2 ** 31 - 1].map((attempt) => ({
    title: `attempt ${attempt} while attempt 0 runs`,
    body: wait({ retry_count: attempt }),
    end: "not_open" as const,
  })),
  {
    title: "the next attempt as a bare task in a TaskIQ envelope",
    body: ({ running }) => taskIq({ args: [{ run_id: running, step_key: "wait", retry_count: 2 }], kwargs: {} }),
    end: "not_open",
  },
  {
    title: "the end of the next attempt, by a message that only names it",
    body: wait({ retry_count: 3, retry_mode: "perhaps" }),
    end: "malformed",
  },
  {
    title: "an open step under another op's name",
    body: mapped("part_0")({ op_name: "gather" }),
    end: "not_open",
  },
  { title: "a mapping key that no step yielded", body: mapped("part_7")(), end: "not_open" },
  { title: "a mapping key that is a path", body: mapped("../../../../etc/passwd")(), end: "not_open" },
  {
    title: "a step whose inputs are not made, with a state that claims them",
    body: (victims) => about(({ mapped: runId }) => runId, "increment[part_0]")(everyFile(victims))(victims),
    end: "not_open",
  },
];

const noSuchStep: readonly Attack[] = [
  { title: "a mapping key that ends in another", body: mapped("a][")(), end: "acked" },
  {
    title: "an op that the run does not have, as if the code lacked it",
    body: about(({ running }) => running, "no_such_op")({ op_name: "no_such_op" }),
    end: "acked",
  },
];

const strangers: readonly Attack[] = [
  { title: "a run that Dagster does not know", body: about(() => "no-such-run", "wait")(), end: "released" },
  { title: "the running step in another instance", body: wait({ instance: "another" }), end: "released" },
  { title: "a version to come", body: wait({ version: 99 }), end: "released" },
];

const wrong = (title: string, fields: Fields): Attack => ({ title, body: wait(fields), end: "malformed" });

/** Both decoders refuse each of them. */
const malformed: readonly Attack[] = [
  wrong("a step key that is the ledger's key of the next attempt", { step_key: "wait:1" }),
  wrong("a step key longer than an index row", { step_key: "k".repeat(100_000) }),
  wrong("a run id longer than an index row", { run_id: "r".repeat(100_000) }),
  wrong("a run id that is a path", { run_id: "../../etc/passwd" }),
  wrong("a NUL in a name", { step_key: "wait\0" }),
  wrong("a lone surrogate in a name", { step_key: "wait\ud800" }),
  wrong("an attempt below 0", { retry_count: -1 }),
  wrong("an attempt beyond 32 bits", { retry_count: 2 ** 31 }),
  wrong("a delay of 1e308 seconds", { on_fault: { retry_in: 1e308 } }),
  wrong("an instant that no calendar has", { enqueued_at: 1e300 }),
  wrong("tags that are no texts", { tags: { "taskiq/timeout": 1 } }),
  wrong("an instance as long as a page", { instance: "i".repeat(5_000) }),
  { title: "no JSON", body: () => "{", end: "malformed" },
  { title: "nesting without end", body: () => `${"[".repeat(200_000)}${"]".repeat(200_000)}`, end: "malformed" },
  {
    title: "nesting without end in the tags",
    body: (victims) =>
      wait({ tags: "deep" })(victims).replace('"deep"', `${"[".repeat(200_000)}${"]".repeat(200_000)}`),
    end: "malformed",
  },
];

/**
 * The body counts only for an attempt that no body was claimed for; the attempt that runs is held.
 */
const sameAttempt: readonly Attack[] = [
  { title: "another body of the running attempt", body: wait({ tags: { "taskiq/timeout": "1s" } }), end: "acked" },
  {
    title: "the running attempt, with code, config and an instance of the sender's",
    body: (victims) => wait(everyFile(victims))(victims),
    end: "acked",
  },
];

export const attacks: readonly Attack[] = [...notOpen, ...noSuchStep, ...strangers, ...malformed, ...sameAttempt];
