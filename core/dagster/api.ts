// Runs and their re-executions, by the GraphQL API of Dagster's web server (schema of
// dagster-graphql 1.10.21 to 1.13).
import * as v from "valibot";
import type { Clock } from "../clock.ts";
import { describeError, Fault } from "../faults.ts";
import { shortened } from "../formats/shortened.ts";
import { type DagsterTarget, type Graphql, openGraphql } from "./graphql.ts";
import type { DagsterApi, FoundRun, Launched, Reexecution } from "./port.ts";
import { launchAnswer, readLaunch } from "./refusals.ts";

/**
 * What a run that we launch says of itself, besides Dagster's own tags: the run that it
 * re-executes.
 */
export const REEXECUTION_TAG = "taskiq/reexecution_of";
/** Dagster sets this tag on every re-execution (`PARENT_RUN_ID_TAG`). */
const PARENT_TAG = "dagster/parent_run_id";

// `Error` is the interface of all that can go wrong, later members included.
const FIND = `query TaskiqFindRun($runId: ID!, $children: RunsFilter!) {
  runOrError(runId: $runId) {
    __typename
    ... on Run { runId status }
    ... on Error { message }
  }
  runsOrError(filter: $children, limit: 20) {
    __typename
    ... on Runs { results { runId status creationTime } }
    ... on Error { message }
  }
}`;

const LAUNCH = `mutation TaskiqReexecute($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId status } }
    ... on Error { message }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on InvalidStepError { invalidStepKey }
    ... on InvalidOutputError { stepKey invalidOutputName }
  }
}`;

/** Of a run that is created and neither queued nor given to a launcher. */
const UNLAUNCHED = "NOT_STARTED";

const run = v.object({ runId: v.string(), status: v.string() });
const found = v.object({
  runOrError: v.object({ __typename: v.string(), ...v.partial(run).entries, message: v.optional(v.string()) }),
  runsOrError: v.object({
    __typename: v.string(),
    results: v.optional(v.array(v.object({ ...run.entries, creationTime: v.number() }))),
    message: v.optional(v.string()),
  }),
});
/** A `PythonError` may have a whole stack in its message. */
const LONGEST_SAID = 300;
const launched = v.object({ launchRunReexecution: launchAnswer });

/**
 * How often, and how far apart, a launch without an answer is looked for: Dagster may still be at
 * it.
 */
const LOOKS = 3;
const LOOK_REST_MS = 2_000;

export function openDagsterApi(target: DagsterTarget, clock: Clock): DagsterApi {
  const graphql = openGraphql(target, clock);
  return {
    findRun: (runId) => findRun(graphql, runId),
    reexecuteFromFailure: (runId) => launch(graphql, runId, clock),
    close: () => graphql.close(),
  };
}

async function findRun(graphql: Graphql, runId: string): Promise<FoundRun | null> {
  const children = { tags: [{ key: PARENT_TAG, value: runId }] };
  const data = await answerTo(graphql, FIND, { runId, children }, found);
  const { runOrError: one, runsOrError: many } = data;
  if (one.__typename === "RunNotFoundError") return null;
  if (one.status === undefined) throw failed(graphql, one);
  if (many.results === undefined) throw failed(graphql, many);
  const launched = many.results.find(({ status }) => status !== UNLAUNCHED);
  const reexecution = launched === undefined ? null : { runId: launched.runId, status: launched.status };
  const created = many.results.find(({ status }) => status === UNLAUNCHED);
  const unlaunched = created === undefined ? null : { runId: created.runId, createdAtMs: created.creationTime * 1_000 };
  return { status: one.status, reexecution, unlaunched };
}

async function launch(graphql: Graphql, runId: string, clock: Clock): Promise<Launched> {
  const extraTags = [{ key: REEXECUTION_TAG, value: runId }];
  try {
    const params = { parentRunId: runId, strategy: "FROM_FAILURE", extraTags };
    const { launchRunReexecution } = await answerTo(graphql, LAUNCH, { params }, launched);
    return readLaunch(launchRunReexecution);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "TQ_DAGSTER") throw error;
    const run = await lookFor(graphql, runId, clock);
    if (run !== null) return { kind: "launched", run };
    return { kind: "in_doubt", why: describeError(error) };
  }
}

/** The launch whose answer was lost, if it happened. */
async function lookFor(graphql: Graphql, runId: string, clock: Clock): Promise<Reexecution | null> {
  for (let look = 1; look <= LOOKS; look += 1) {
    await clock.sleep(LOOK_REST_MS);
    try {
      const parent = await findRun(graphql, runId);
      if (parent?.reexecution != null) return parent.reexecution;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }
  return null;
}

async function answerTo<T>(
  graphql: Graphql,
  query: string,
  variables: object,
  schema: v.GenericSchema<unknown, T>,
): Promise<T> {
  const answer = await graphql.ask(query, variables);
  if (answer.kind === "errors") throw misunderstood(graphql, answer.messages);
  const read = v.safeParse(schema, answer.data);
  if (read.success) return read.output;
  throw new Fault("TQ_DAGSTER", `Dagster at ${graphql.url} sent an answer that does not fit the question`, {
    cause: new Error(shortened(`${v.getDotPath(read.issues[0]) ?? "data"}: ${read.issues[0].message}`, LONGEST_SAID)),
  });
}

/**
 * By graphql-core's own words (`validation/rules`), a question that is refused before anything
 * happens.
 */
const UNKNOWN_TO_SCHEMA =
  /^(?:Cannot query field|Unknown (?:type|argument|fragment)|Field '?.* is not defined by type|Variable ')/;

function misunderstood({ url }: Graphql, messages: readonly string[]): Fault {
  const said = messages.map((message) => shortened(message, LONGEST_SAID)).join("; ");
  if (!messages.some((message) => UNKNOWN_TO_SCHEMA.test(message))) {
    return new Fault("TQ_DAGSTER", `Dagster at ${url} failed to answer: ${said}`);
  }
  const hint = "taskiq needs the web server of Dagster 1.10.21 or newer: is this one older?";
  return new Fault("TQ_CONFIG", `Dagster at ${url} does not understand the question: ${said}`, { hint });
}

function failed(
  { url }: Graphql,
  { __typename: type, message }: { __typename: string; message?: string | undefined },
): Fault {
  const said = shortened(message ?? "without a message", LONGEST_SAID);
  return new Fault("TQ_DAGSTER", `Dagster at ${url} answers ${shortened(type, LONGEST_SAID)}: ${said}`);
}
