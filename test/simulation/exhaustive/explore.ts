// Breadth first through all situations; each rule that a situation breaks comes with the shortest
// way there.
import { branches } from "./branches.ts";
import { type Advance, beginning, type Physics, type Situation } from "./situation.ts";

export interface Exploration {
  readonly situations: number;
  /** The rule, and the shortest way to a situation that breaks it. */
  readonly broken: { readonly rule: string; readonly way: readonly string[] } | null;
}

const rules: Readonly<Record<string, (situation: Situation) => boolean>> = {
  "two terminal events": ({ events }) => events > 1,
  "ran what nobody sent": ({ sent, events }) => events > 0 && !sent,
  "deleted with nothing recorded": ({ place, events, refused }) => place === "gone" && events === 0 && !refused,
  "deleted before it is settled": ({ place, row, refused }) =>
    place === "gone" && row !== "settled" && row !== "dead" && !refused,
  "deleted without its dead letter": ({ place, row, copies }) => place === "gone" && row === "dead" && copies === 0,
  "settled without an event": ({ row, events }) => (row === "settled" || row === "dead") && events === 0,
  "a dead letter that is none": ({ row, copies, refused }) => copies > 0 && row !== "dead" && !refused,
};

/**
 * Goes on to the end, or to the first broken rule. `sent` means that the run worker sent the
 * message. Otherwise the message came before the run worker sent the attempt.
 */
export function explore(advance: Advance, physics: Physics, sent = true): Exploration {
  const map = new Atlas();
  for (let open = [map.found(beginning(sent), "", -1)]; open.length > 0; ) {
    const later: Place[] = [];
    for (const { number, situation } of open) {
      const rule = brokenBy(situation);
      if (rule !== null) return { situations: map.size, broken: { rule, way: map.wayTo(number) } };
      for (const { label, next } of branches(situation, advance, physics)) {
        const place = map.found(next, label, number);
        if (place.isNew) later.push(place);
      }
    }
    open = later;
  }
  const stuck = map.firstThatNeverEnds();
  const broken = stuck === null ? null : { rule: "no way to an end", way: map.wayTo(stuck) };
  return { situations: map.size, broken };
}

function brokenBy(situation: Situation): string | null {
  for (const [rule, breaks] of Object.entries(rules)) if (breaks(situation)) return rule;
  return null;
}

interface Place {
  readonly number: number;
  readonly situation: Situation;
  readonly isNew: boolean;
}

/** All situations that were found, and how each was reached. */
class Atlas {
  readonly #numbers = new Map<string, number>();
  readonly #first: { readonly parent: number; readonly label: string }[] = [];
  readonly #parents: number[][] = [];
  readonly #ends: number[] = [];

  get size(): number {
    return this.#first.length;
  }

  found(situation: Situation, label: string, parent: number): Place {
    const key = keyOf(situation);
    const known = this.#numbers.get(key);
    if (known !== undefined) {
      this.#parents[known]?.push(parent);
      return { number: known, situation, isNew: false };
    }
    const number = this.size;
    this.#numbers.set(key, number);
    this.#first.push({ parent, label });
    this.#parents.push(parent === -1 ? [] : [parent]);
    if (isOver(situation)) this.#ends.push(number);
    return { number, situation, isNew: true };
  }

  wayTo(number: number): readonly string[] {
    const way: string[] = [];
    for (let at = this.#first[number]; at !== undefined && at.parent !== -1; at = this.#first[at.parent]) {
      way.unshift(at.label);
    }
    return way;
  }

  firstThatNeverEnds(): number | null {
    const ends = new Uint8Array(this.size);
    const open = [...this.#ends];
    for (const number of open) ends[number] = 1;
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      for (const parent of this.#parents[number] ?? []) {
        if (ends[parent] === 1) continue;
        ends[parent] = 1;
        open.push(parent);
      }
    }
    const stuck = ends.indexOf(0);
    return stuck === -1 ? null : stuck;
  }
}

/** The message is deleted, with its event recorded or its copy made, and no worker has it. */
function isOver({ place, events, refused, workers }: Situation): boolean {
  return place === "gone" && (events > 0 || refused) && workers.every(({ life }) => life === null);
}

const lives = new WeakMap<object, string>();

/** Two workers are alike: which of them is which makes no difference. */
function keyOf({ workers, ...rest }: Situation): string {
  const [a, b] = workers.map(({ life, ...flags }) => `${lifeKey(life)} ${Object.values(flags).join(" ")}`).sort();
  return `${Object.values(rest).join(" ")}|${a}|${b}`;
}

function lifeKey(life: object | null): string {
  if (life === null) return "idle";
  const known = lives.get(life);
  if (known !== undefined) return known;
  const key = JSON.stringify(life);
  lives.set(life, key);
  return key;
}
