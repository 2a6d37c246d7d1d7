// What Dagster says of a run and its steps, as `dagster_taskiq.run_facts` prints it. Pure.
import * as v from "valibot";

const maybe = <T extends v.GenericSchema>(schema: T) => v.nullable(schema);
/** Unix seconds. */
const instant = v.number();

const RunRecord = v.object({
  id: v.string(),
  job: v.string(),
  /** Dagster's own word: QUEUED, STARTED, SUCCESS, … */
  status: v.string(),
  /** Name of the executor in the run's plan. `null` means that the run has no plan. */
  executor: maybe(v.string()),
  created_at: instant,
  started_at: maybe(instant),
  ended_at: maybe(instant),
  /** Whether run monitoring is on, so that a run whose run worker died is resumed. */
  resumed_by_monitoring: v.boolean(),
});

const Event = v.object({ at: instant, type: v.string(), text: v.string() });

const StepRecord = v.object({
  key: v.string(),
  /** Keys of the steps of this run whose outputs it loads. */
  needs: v.array(v.string()),
  pool: maybe(v.string()),
  /** The attempt that is open or was the last, 0 first. */
  attempt: v.number(),
  ended: maybe(v.picklist(["success", "failure", "skipped"])),
  ended_at: maybe(instant),
  /** When the run worker sent this attempt. */
  sent_at: maybe(instant),
  /** Name or URL of the queue that it was sent to. */
  queue: maybe(v.string()),
  began_at: maybe(instant),
  /** The run worker does not send the attempt before this instant. */
  retry_at: maybe(instant),
  /** Oldest first. Only the step that was asked about has them. */
  events: v.array(Event),
});

const PoolRecord = v.object({
  name: v.string(),
  slots: v.number(),
  claimed: v.number(),
  pending: v.number(),
  /** Some of the steps that have a slot. */
  holders: v.array(v.object({ run: v.string(), step: v.string() })),
});

export const runFacts = v.object({
  /** `null` means that this Dagster instance knows no such run. */
  run: maybe(RunRecord),
  steps: v.array(StepRecord),
  /** The pools that open steps need. */
  pools: v.array(PoolRecord),
});

export type RunFacts = v.InferOutput<typeof runFacts>;
export type RunRecord = v.InferOutput<typeof RunRecord>;
export type StepRecord = v.InferOutput<typeof StepRecord>;
export type PoolRecord = v.InferOutput<typeof PoolRecord>;
