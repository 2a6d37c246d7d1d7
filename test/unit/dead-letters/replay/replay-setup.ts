// One start of a replay over the bench, which may be killed at any of its effects: before it, or
// after it and before its answer.
import { anyLetter } from "../../../../core/dead-letters/filter.ts";
import { inspectDeadLetters, type Keeping } from "../../../../core/dead-letters/inspect.ts";
import { HeldLetters } from "../../../../core/dead-letters/replay/held.ts";
import { type ReplayedLetter, replayLetters } from "../../../../core/dead-letters/replay/replay.ts";
import { namesAnotherStep, planLetter } from "../../../../core/dead-letters/replay/replay-plan.ts";
import type { Ledger } from "../../../../core/ledger/port.ts";
import type { DeadLetterQueue } from "../../../../core/queue/port.ts";
import { never } from "../../../support/dagster/step-orders.ts";
import type { bench } from "../setup.ts";

export class Killed extends Error {}

interface Start {
  readonly purge?: boolean;
  readonly mended?: ReadonlyMap<string, string>;
  readonly changes?: Partial<DeadLetterQueue>;
  readonly killAt?: { readonly effect: number; readonly when: "before" | "after" } | null;
  readonly perSecond?: number | null;
  /** Between the look and the first effect. */
  readonly meanwhile?: () => Promise<void>;
}

type Effect = (...asked: never[]) => Promise<unknown>;

/** Counts effects; once it is killed, nothing goes out any more. */
function killer(killAt: Start["killAt"]) {
  let effects = 0;
  let dead = false;
  const wrap = <F extends Effect>(effect: F): F =>
    (async (...asked: never[]) => {
      if (dead) throw new Killed();
      const mine = effects;
      effects += 1;
      if (mine === killAt?.effect) dead = true;
      if (dead && killAt?.when === "before") throw new Killed();
      const answer = await effect(...asked);
      if (dead) throw new Killed();
      return answer;
    }) as F;
  return { wrap, count: () => effects };
}

/** Answers what became of each letter, and how many effects there were. */
export async function start(world: Awaited<ReturnType<typeof bench>>, wish: Start = {}) {
  const { clock, ledger: real, runner } = world;
  const { wrap, count } = killer(wish.killAt);
  const opened = await world.letters(wish.changes);
  const letters = { ...opened, resend: wrap(opened.resend), ack: wrap(opened.ack), extend: wrap(opened.extend) };
  const ledger: Pick<Ledger, "planReplay" | "advanceReplay" | "find" | "findReplay" | "reopen"> = {
    find: (key) => real.find(key),
    findReplay: (id) => real.findReplay(id),
    planReplay: wrap((plan, id) => real.planReplay(plan, id)),
    advanceReplay: wrap((id, to, sent) => real.advanceReplay(id, to, sent)),
    reopen: wrap((request) => real.reopen(request)),
  };
  const held = new HeldLetters(letters, clock);
  const misnamed = new Set<string>();
  const keeping: Keeping = {
    keep: (message, hideMs) => held.add(message, hideMs),
    mended: (message) => {
      const body = wish.mended?.get(message.id) ?? message.body;
      if (namesAnotherStep(message.body, body)) misnamed.add(message.id);
      return { ...message, body };
    },
  };
  const done: ReplayedLetter[] = [];
  const whole = async () => {
    const ports = { letters, ledger, dagster: runner, clock };
    const found = await inspectDeadLetters(ports, anyLetter, null, never, keeping);
    const { url: sourceUrl } = await world.queue.describe();
    const plans = [];
    for (const joined of found.letters) {
      const begun = await ledger.findReplay(joined.letter.message.id);
      plans.push(
        planLetter(joined, begun, {
          sourceUrl,
          misnamed,
          unsignable: new Set(),
          purge: wish.purge === true ? { byId: false, reason: null } : null,
        }),
      );
    }
    await wish.meanwhile?.();
    const settings = { who: "ops", why: "mended", perSecond: wish.perSecond ?? null };
    const todo = plans.filter(({ act }) => act !== "skip" && act !== "refuse");
    await replayLetters(todo, { letters, held, ledger, clock }, settings, never, (one) => void done.push(one));
    return plans.map(({ act, why, joined }) => [joined.letter.key, act, why] as const);
  };
  let over = false;
  const released = async () => {
    try {
      return await whole();
    } finally {
      await held.release().catch(() => undefined);
      over = true;
    }
  };
  const working = released();
  working.catch(() => undefined);
  while (!over) await clock.advance(100);
  const plans = await working;
  return {
    plans,
    ends: done.map(({ planned, end }) => [planned.joined.letter.key, end.kind] as const),
    effects: count(),
  };
}
