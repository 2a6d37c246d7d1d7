// Where everything is, told to every program of the demo the way a deployment tells it: by environment variables.
import { resolve } from "node:path";
import type { QueuePair } from "../../test/support/local-sqs.ts";
import { LOCAL_CREDENTIALS, LOCAL_REGION, type LocalSqs } from "../../test/support/local-sqs.ts";

export const python = ".venv/bin/python";
/** The directory that the sample's code location, the module `definitions`, is imported from. */
export const codeDirectory = "fixtures";
export const codeLocation = "definitions";

/** Settings of the user's that would lead the demo to a real queue, another Dagster or another ledger. */
const foreign = /^(AWS|DAGSTER|TASKIQ|POSTGRES)_|^LOG_LEVEL$/;

type Environment = Readonly<Record<string, string | undefined>>;

export function surroundings(
  home: string,
  sqs: LocalSqs,
  queues: QueuePair,
  own: Environment = process.env,
): Environment {
  const kept = Object.entries(own).filter(([name]) => !foreign.test(name));
  return {
    ...Object.fromEntries(kept),
    DAGSTER_HOME: resolve(home),
    TASKIQ_QUEUE_URL: queues.url,
    TASKIQ_PYTHON: resolve(python),
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
  };
}
