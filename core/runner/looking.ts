// Asks a step host where attempts stand: so many at a time, and what its answers add up to.
import { counted } from "../formats/counted.ts";
import type { StepId } from "../step/step.ts";
import type { AttemptStanding, Looked } from "./port.ts";
import { failureOf, type Work, type WorkEnd } from "./work.ts";

export interface LookEnd {
  /** Null when there was no host to ask. */
  readonly work: Pick<Work, "pid" | "outcome"> | null;
  readonly end: WorkEnd;
  /** It was ended because its time was over. */
  readonly late: boolean;
}

/**
 * As many as are asked for in one process: a frame must stay far below the longest line, and a slow
 * storage must answer in time.
 */
const TOGETHER = 1_000;
const ANSWER_MS = 60_000;

export async function lookAtAll(
  attempts: readonly StepId[],
  ask: (some: readonly StepId[], withinMs: number) => Promise<LookEnd>,
): Promise<Looked> {
  const standings: AttemptStanding[] = [];
  let instance: string | null = null;
  for (let from = 0; from < attempts.length; from += TOGETHER) {
    const some = attempts.slice(from, from + TOGETHER);
    const looked = lookedOf(await ask(some, ANSWER_MS), some.length);
    if (looked.kind === "failed") return looked;
    standings.push(...looked.standings);
    ({ instance } = looked);
  }
  return { kind: "looked", standings, instance };
}

function lookedOf({ work, end, late }: LookEnd, wanted: number): Looked {
  const outcome = work?.outcome;
  if (outcome?.kind !== "looked") {
    return { kind: "failed", failure: failureOf(work ?? { pid: null, outcome: null }, end, late) };
  }
  if (outcome.standings.length !== wanted) {
    const message = `the step host answered for ${counted(outcome.standings.length, "attempt")}, and was asked for ${wanted}`;
    return { kind: "failed", failure: { scope: "host", error: { class: "WrongAnswer", message, traceback: "" } } };
  }
  const standings = outcome.standings.map(({ run, ended, began }) => ({
    run: run === null ? null : { status: run.status, job: run.job, goesOn: run.goes_on },
    ended,
    began,
  }));
  return { kind: "looked", standings, instance: outcome.instance };
}
