// Does what was planned, a few letters first if asked to, and waits for what becomes of them.
import { type ReplayOutcome, waitForOutcomes } from "../../core/dead-letters/replay/await-outcomes.ts";
import { type ReplayEnd, type ReplayedLetter, replayLetters } from "../../core/dead-letters/replay/replay.ts";
import type { PlannedLetter } from "../../core/dead-letters/replay/replay-plan.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { type Progress, ProgressView } from "../terminal/progress.ts";
import type { LettersSession } from "./letters-session.ts";
import { isDone, plansSummary, type ShownLetter, showPlans } from "./plans-output.ts";

/** How fast letters are sent, and whether the command waits for their outcomes. */
export interface Pace {
  /** `null` means as fast as it goes. */
  readonly perSecond: number | null;
  /**
   * How many are sent first; the others only when all of these have succeeded. `null` means all.
   */
  readonly canary: number | null;
  readonly wait: boolean;
  readonly waitTimeoutMs: number;
}

/** How often the progress is printed where there is no bar. */
const SAY_MS = 10_000;

/** What became of the letters so far. */
interface Done {
  readonly ends: Map<PlannedLetter, ReplayEnd>;
  /**
   * By idempotency key, of what was waited for: `open` for what had not ended when the waiting did.
   */
  readonly outcomes: Map<string, ReplayOutcome | "open">;
}

interface Acting extends LettersSession {
  readonly pace: Pace;
}

export async function actOn(plans: readonly PlannedLetter[], pace: Pace, session: LettersSession): Promise<ExitCode> {
  const { config, io, say } = session;
  const acting = { ...session, pace };
  const todo = plans.filter((planned) => isDone(planned.act));
  const done: Done = { ends: new Map(), outcomes: new Map() };
  try {
    const [first, rest] = canaryAndRest(todo, pace.canary);
    await send(first, todo.length, done, acting);
    if (pace.canary === null || (await canaryLives(first, done, acting))) {
      await send(rest, todo.length, done, acting);
      if (pace.wait) await awaitOutcomes(todo, done, acting);
    }
  } finally {
    const shown: readonly ShownLetter[] = plans.map((planned) => shownOf(planned, done));
    showPlans(shown, true, config.json, io);
    say(plansSummary(shown, true));
  }
  const refused = plans.some((planned) => planned.act === "refuse");
  return !refused && todo.every((planned) => wentWell(planned, done, pace)) ? exitCodes.done : exitCodes.no;
}

function wentWell(planned: PlannedLetter, done: Done, { wait }: Pace): boolean {
  if (!["sent", "deleted"].includes(done.ends.get(planned)?.kind ?? "")) return false;
  const key = keyOf(planned, done);
  return !wait || key === null || done.outcomes.get(key) === "succeeded";
}

async function send(
  letters: readonly PlannedLetter[],
  total: number,
  { ends }: Done,
  { config, pace, ports, ledger, letters: queue, held, io, say, quiet, who }: Acting,
): Promise<void> {
  const { clock } = ports;
  const view = new ProgressView({ stream: io.stderr, env: io.env, clock, say, everyMs: SAY_MS });
  const show = ({ planned, end }: ReplayedLetter) => {
    ends.set(planned, end);
    view.show({ done: ends.size, total, approximate: false, note: "" });
  };
  try {
    await replayLetters(
      letters,
      { letters: queue, held, ledger, clock },
      { who, why: config.why, perSecond: pace.perSecond },
      quiet,
      show,
    );
  } finally {
    view.end();
  }
}

/** Whether all of the first few succeeded; says what happens otherwise. */
async function canaryLives(first: readonly PlannedLetter[], done: Done, acting: Acting): Promise<boolean> {
  await awaitOutcomes(first, done, acting);
  const sent = first.filter(({ act }) => act === "send");
  const well = sent.filter((planned) => done.outcomes.get(keyOf(planned, done) ?? "") === "succeeded").length;
  if (well === sent.length) {
    acting.say(`all ${well} of the canary succeeded`);
    return true;
  }
  acting.say(`${well} of the ${sent.length} of the canary succeeded; the others stay where they are`);
  return false;
}

async function awaitOutcomes(
  letters: readonly PlannedLetter[],
  done: Done,
  { pace, ports, ledger, held, io, say, quiet }: Acting,
): Promise<void> {
  const { clock } = ports;
  // What a canary became is known already.
  const keys = letters
    .flatMap((planned) => keyOf(planned, done) ?? [])
    .filter((key) => (done.outcomes.get(key) ?? "open") === "open");
  const view = new ProgressView({ stream: io.stderr, env: io.env, clock, say, everyMs: SAY_MS });
  const waiting = { ledger, clock, keep: () => held.keep() };
  try {
    const found = await waitForOutcomes(keys, waiting, pace.waitTimeoutMs, quiet, (known) =>
      view.show(progressOf(known, keys.length)),
    );
    for (const key of keys) done.outcomes.set(key, found.get(key) ?? "open");
  } finally {
    view.end();
  }
}

function progressOf(known: ReadonlyMap<string, ReplayOutcome>, total: number): Progress {
  const count = (outcome: ReplayOutcome) => [...known.values()].filter((one) => one === outcome).length;
  const note = `${count("succeeded")} succeeded, ${count("failed")} failed, ${count("buried")} back in the dead letter queue`;
  return { done: known.size, total, approximate: false, note };
}

/** Splits after the first `count` letters that are sent. Without a canary, all are first. */
export function canaryAndRest(
  todo: readonly PlannedLetter[],
  count: number | null,
): readonly [first: readonly PlannedLetter[], rest: readonly PlannedLetter[]] {
  if (count === null) return [todo, []];
  const sends = todo.flatMap(({ act }, i) => (act === "send" ? [i] : []));
  const end = sends[count] ?? todo.length;
  return [todo.slice(0, end), todo.slice(end)];
}

/**
 * Returns the key whose row shows the step's outcome. `null` when the letter was not sent, by this
 * start or the one that began it.
 */
function keyOf(planned: PlannedLetter, { ends }: Done): string | null {
  const end = ends.get(planned)?.kind;
  const sent = end === "sent" || end === "not_deleted" || (planned.act === "finish" && end === "deleted");
  return sent ? planned.joined.letter.key : null;
}

function shownOf(planned: PlannedLetter, done: Done): ShownLetter {
  const outcome = done.outcomes.get(keyOf(planned, done) ?? "") ?? null;
  return { planned, end: done.ends.get(planned) ?? null, outcome };
}
