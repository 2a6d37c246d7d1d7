// What `taskiq replay` does with dead letters instead of putting them back: their runs are re-executed by Dagster, or their attempts are failed.

import { replayLetters } from "../../core/dead-letters/replay/replay.ts";
import type { PlannedLetter } from "../../core/dead-letters/replay/replay-plan.ts";
import type { JoinedLetter } from "../../core/dead-letters/verdict.ts";
import { defaultPolicy } from "../../core/delivery/policy.ts";
import { Fault } from "../../core/faults.ts";
import { counted } from "../../core/formats/counted.ts";
import { Outages } from "../../core/outages.ts";
import { Notices } from "../../core/worker/notices.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { OPERATOR_LEASE_MS } from "../operator/wire-operator.ts";
import type { DagsterApiChoice } from "../options/dagster-api-options.ts";
import { queueText } from "../options/queue-choice.ts";
import { openDagster } from "../wiring/dagster.ts";
import { failOpen } from "./fail-open.ts";
import { reexecuteRuns } from "./reexecute-runs.ts";
import type { ReplaySession } from "./replay-session.ts";

/** With `--purge` the letters of a run that has its re-execution are deleted, and that is written down. */
export async function reexecuteFound(
  found: readonly JoinedLetter[],
  choice: DagsterApiChoice,
  session: ReplaySession,
): Promise<ExitCode> {
  const { ledger, who, say } = session;
  const { yes: act, json, purge } = session.config;
  const dagster = await openDagster(choice);
  try {
    const wish = { act, json };
    // Two operators may be of one name.
    const operator = `${who} ${crypto.randomUUID()}`;
    const { code, spent } = await reexecuteRuns(
      found,
      wish,
      { dagster, ledger, operator, clock: session.ports.clock },
      session.io,
    );
    if (!act) say("nothing was done: --yes does it");
    if (!act || !purge || spent.length === 0) return code;
    return (await purgeSpent(spent, session)) ? code : exitCodes.no;
  } finally {
    await dagster.close();
  }
}

async function purgeSpent(spent: readonly JoinedLetter[], session: ReplaySession): Promise<boolean> {
  const { config, ledger, ports, quiet, say, who } = session;
  const plans: PlannedLetter[] = [];
  for (const joined of spent) {
    const begun = await ledger.findReplay(joined.letter.message.id);
    plans.push({ joined, begun, act: "purge", why: "its run was re-executed" });
  }
  let deleted = 0;
  const settings = { who, why: config.why, perSecond: null };
  await replayLetters(plans, { ...session, clock: ports.clock }, settings, quiet, ({ end }) => {
    if (end.kind === "deleted") deleted += 1;
  });
  say(`deleted ${deleted} of ${counted(plans.length, "dead letter")} of re-executed runs`);
  return deleted === plans.length;
}

/** What engine events may take that are still to be written. */
const LAST_NOTICES_MS = 10_000;

export async function failFound(found: readonly JoinedLetter[], session: ReplaySession): Promise<ExitCode> {
  const { config, ports, letters, ledger, observe, quiet, who, io, say } = session;
  const { yes: act, why, json } = config;
  const { runner, clock } = ports;
  if (runner === null) throw new Fault("TQ_CONFIG", "--fail needs Dagster, in which the failure is recorded");
  // Each is received anew, under a lease of its own.
  await session.held.release();
  const notices = new Notices({ runner, clock, observe });
  const settings = {
    queueName: queueText(config.queue),
    policy: defaultPolicy,
    worker: who,
    leaseMs: OPERATOR_LEASE_MS,
    chance: Math.random,
  };
  const outages = new Outages({ clock, observe });
  const fail = { ...{ letters, ledger, runner, clock, observe, outages }, ...settings, notify: notices.notify };
  const shown = { json, stdout: io.stdout, env: io.env };
  const code = await failOpen(found, { who, why }, act ? fail : null, { quiet, kill: quiet }, shown);
  await notices.flush(LAST_NOTICES_MS);
  if (!act) say("nothing was done: --yes does it");
  return code;
}
