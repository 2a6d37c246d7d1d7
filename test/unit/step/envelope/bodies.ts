// Bodies for envelope tests: a good one to start from, and fast-check's idea of what else a queue
// may hold.
import fc from "fast-check";

export const good: Readonly<Record<string, unknown>> = {
  version: 1,
  run_id: "run-1",
  step_key: "load",
  op_name: "load",
  retry_count: 0,
  known_state: null,
  retry_mode: "deferred",
  on_fault: { retry_in: 30 },
  enqueued_at: 1_790_000_000.5,
  tags: { "taskiq/group": "oslo" },
  instance: "0d1c6a52-5d51-4a39-9c5e-0b6f2f3f7a11",
  dagster: "1.13.27",
  dagster_taskiq: "0.1.0",
  job: "daily",
};

/** The good body with fields changed, as JSON text; an undefined one is left out. */
export function body(changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ...good, ...changes });
}

const oddNames = [
  "version",
  "run_id",
  "step_key",
  "retry_count",
  "known_state",
  "tags",
  "task_id",
  "task_name",
  "args",
  "kwargs",
];
const oddKey = fc.constantFrom(...oddNames, ...Object.keys(good), "__proto__", "constructor", "payload", "");
const oddText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("\ud800", "\u0000", "run-1", "__proto__", "{}"),
);
const oddNumber = fc.oneof(fc.double(), fc.constantFrom(1, 2, -1, 1e308, 2 ** 53, 0.5, -0));

/**
 * Objects that look like envelopes from afar: known field names, any values, one inside the other.
 */
const lookalike = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    oddText,
    oddNumber,
    fc.constant(null),
    fc.boolean(),
    tie("list"),
    tie("object"),
  ),
  list: fc.array(tie("value"), { maxLength: 3 }),
  object: fc.dictionary(oddKey, tie("value"), { maxKeys: 8 }),
})).object;

const nearly = fc
  .tuple(fc.constant(good), fc.dictionary(oddKey, fc.oneof(oddText, oddNumber, lookalike), { maxKeys: 2 }))
  .map(([fields, changes]) => ({ ...fields, ...changes }));

/** Texts that are not JSON, JSON that is not an envelope, and envelopes with one error. */
export const hostileBody: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.json(),
  lookalike.map((value) => JSON.stringify(value)),
  nearly.map((value) => JSON.stringify(value)),
  nearly.map((value) => JSON.stringify({ task_id: "t", task_name: "n", args: [JSON.stringify(value)], kwargs: {} })),
  fc.tuple(nearly, fc.nat()).map(([value, at]) => JSON.stringify(value).slice(0, at % 200)),
);
