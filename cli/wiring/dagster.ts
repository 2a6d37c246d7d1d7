// Opens Dagster's web server, for the commands that have it do something.
import { systemClock as clock } from "../../core/clock.ts";
import type { DagsterApi } from "../../core/dagster/port.ts";
import { readAuthorities } from "../options/authorities.ts";
import type { DagsterApiChoice } from "../options/dagster-api-options.ts";

/** How long a launch may take to be answered: Dagster loads the job's code for it. */
const ANSWER_MS = 60_000;

/** Loads the HTTP client only now: no other command needs it. Rejects with a `Fault`. */
export async function openDagster({ url, headers, caFile }: DagsterApiChoice): Promise<DagsterApi> {
  const { openDagsterApi } = await import("../../core/dagster/api.ts");
  const ca = caFile === null ? null : readAuthorities("--dagster-ca", caFile);
  return openDagsterApi({ url, headers, ca, answerMs: ANSWER_MS }, clock);
}
