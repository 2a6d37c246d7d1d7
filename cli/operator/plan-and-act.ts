// Decides about each dead letter whether it is sent, deleted or left; shows that, or does it with
// --yes.
import type { Inspection } from "../../core/dead-letters/inspect.ts";
import { type PlannedLetter, planLetter, type ReplayWish } from "../../core/dead-letters/replay/replay-plan.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { actOn, type Pace } from "./act-on-plans.ts";
import type { LettersSession } from "./letters-session.ts";
import { plansSummary, showPlans } from "./plans-output.ts";

export async function planAndAct(
  found: Inspection,
  wish: Omit<ReplayWish, "sourceUrl">,
  pace: Pace,
  session: LettersSession,
): Promise<ExitCode> {
  const { config, io, say } = session;
  const plans = await planAll(found, wish, session);
  if (config.yes) return await actOn(plans, pace, session);
  const shown = plans.map((planned) => ({ planned, end: null, outcome: null }));
  showPlans(shown, false, config.json, io);
  say(`${plansSummary(shown, false)}; nothing was done; add --yes to do it`);
  return exitCodes.done;
}

async function planAll(
  found: Inspection,
  wish: Omit<ReplayWish, "sourceUrl">,
  { ports, ledger, held }: LettersSession,
): Promise<readonly PlannedLetter[]> {
  const { url: sourceUrl } = await ports.queue.describe();
  const plans: PlannedLetter[] = [];
  for (const joined of found.letters) {
    const begun = await ledger.findReplay(joined.letter.message.id);
    plans.push(planLetter(joined, begun, { ...wish, sourceUrl }));
    await held.keep();
  }
  return plans;
}
