// Dagster's API, asked of a local server that answers as a test says.
import type { TestContext } from "node:test";
import { type Clock, systemClock } from "../../../core/clock.ts";
import { openDagsterApi } from "../../../core/dagster/api.ts";
import type { DagsterTarget } from "../../../core/dagster/graphql.ts";
import type { Fault } from "../../../core/faults.ts";
import { type Asked, type Reply, startGraphqlServer } from "../../support/dagster/graphql-server.ts";

export const target = { headers: [], ca: null, answerMs: 10_000 } as const;

/** Rests are over at once. */
export const hasty: Clock = { ...systemClock, sleep: async () => undefined };

export async function api(
  t: TestContext,
  reply: (asked: Asked, nth: number) => Reply,
  more: Partial<DagsterTarget> = {},
) {
  const server = await startGraphqlServer(t, reply);
  const dagster = openDagsterApi({ ...target, url: server.url, ...more }, hasty);
  t.after(() => dagster.close());
  return { ...server, dagster };
}

/** The code and message of the Fault that it rejects with, the port left out. */
export async function faultOf(asking: Promise<unknown>): Promise<string> {
  return await asking.then(
    () => "no fault",
    ({ code, message }: Fault) => `${code}: ${message.replace(/:\d{4,5}/g, "")}`,
  );
}
