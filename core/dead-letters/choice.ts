// Chooses dead letters of a look, and finds the given values that no letter has: a mistyped value
// must not look like a queue without such letters. Pure.
import { reasonNamed } from "../delivery/reasons.ts";
import { isBeginning, type LetterFilter, matchesError, matchesLetter, matchesStep, namesOf } from "./filter.ts";
import type { DeadLetter } from "./letter.ts";

export interface Mismatch {
  readonly condition: "id" | "run" | "job" | "step" | "reason" | "error";
  readonly given: string;
  /** `ambiguous`: it is the beginning of several, so it chooses none of them. */
  readonly kind: "unknown" | "ambiguous";
  /**
   * The values that there are, with the number of their letters, the most frequent first. For an
   * ambiguous one, the values that it may stand for.
   */
  readonly there: Counts;
}

export type Counts = readonly (readonly [value: string, letters: number])[];

export interface Chosen {
  /** Empty when a beginning is ambiguous. */
  readonly letters: readonly DeadLetter[];
  readonly mismatches: readonly Mismatch[];
}

/** Sees each letter of a look once, and says in the end which of them are chosen. */
export class Choice {
  readonly #filter: LetterFilter;
  readonly #found: DeadLetter[] = [];
  readonly #ids: Tally;
  readonly #beginnings: readonly Beginning[];
  readonly #values: readonly Value[];
  #seen = 0;

  constructor(filter: LetterFilter) {
    this.#filter = filter;
    this.#ids = new Tally();
    this.#beginnings = beginningsOf(filter);
    this.#values = valuesOf(filter);
  }

  /** How many may be chosen so far. */
  get count(): number {
    return this.#found.length;
  }

  /** A beginning may turn out to be that of several until all letters were seen. */
  get needsAll(): boolean {
    return this.#beginnings.length > 0;
  }

  /** Returns whether the letter may be chosen. */
  see(letter: DeadLetter): boolean {
    this.#seen += 1;
    if (this.#filter.names.length > 0) this.#ids.add(letter.message.id);
    for (const beginning of this.#beginnings) beginning.see(letter);
    for (const value of this.#values) value.see(letter);
    const meant = matchesLetter(this.#filter, letter);
    if (meant) this.#found.push(letter);
    return meant;
  }

  /**
   * Call it when all letters were seen. An empty queue does not prove a value wrong, but a letter
   * that is named is missed all the same.
   */
  end(): Chosen {
    const found = [
      ...this.#beginnings.flatMap((one) => one.mismatch(this.#ids) ?? []),
      ...this.#values.flatMap((one) => one.mismatch() ?? []),
    ];
    const mismatches = found.filter(({ condition }) => this.#seen > 0 || condition === "id");
    if (mismatches.some(({ kind }) => kind === "ambiguous")) return { letters: [], mismatches };
    const ids = this.#beginnings.filter(({ condition }) => condition === "id");
    const runs = this.#beginnings.filter(({ condition }) => condition === "run");
    const isMeant = (letter: DeadLetter) =>
      [ids, runs].every((some) => some.length === 0 || some.some((one) => one.means(letter)));
    return { letters: this.#found.filter(isMeant), mismatches };
  }
}

class Tally {
  readonly #counts = new Map<string, number>();

  add(value: string): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }

  has(value: string): boolean {
    return this.#counts.has(value);
  }

  /** The most frequent first. */
  counts(): Counts {
    return [...this.#counts].sort(([, a], [, b]) => b - a);
  }
}

/** The id of a message or of a run, or enough of its beginning. */
class Beginning {
  readonly condition: "id" | "run";
  readonly #given: string;
  readonly #namesOf: (letter: DeadLetter) => readonly string[];
  readonly #begun = new Tally();
  readonly #all = new Tally();

  constructor(condition: "id" | "run", given: string, names: (letter: DeadLetter) => readonly string[]) {
    this.condition = condition;
    this.#given = given;
    this.#namesOf = names;
  }

  see(letter: DeadLetter): void {
    const names = this.#namesOf(letter);
    const begun = names.includes(this.#given) ? this.#given : names.find((name) => isBeginning(this.#given, name));
    if (begun !== undefined) this.#begun.add(begun);
    if (this.condition === "run") for (const name of names) this.#all.add(name);
  }

  means(letter: DeadLetter): boolean {
    const whole = this.#whole();
    return whole !== null && this.#namesOf(letter).includes(whole);
  }

  mismatch(ids: Tally): Mismatch | null {
    const begun = this.#begun.counts();
    const { condition } = this;
    const given = this.#given;
    if (begun.length === 0)
      return { condition, given, kind: "unknown", there: (condition === "run" ? this.#all : ids).counts() };
    return this.#whole() === null ? { condition, given, kind: "ambiguous", there: begun } : null;
  }

  /** Returns `null` for the beginning of none, or of several. */
  #whole(): string | null {
    if (this.#begun.has(this.#given)) return this.#given;
    const [only, ...others] = this.#begun.counts();
    return only !== undefined && others.length === 0 ? only[0] : null;
  }
}

/** A value of which any letter may be had. */
class Value {
  readonly #condition: "step" | "reason" | "error";
  readonly #given: string;
  readonly #matches: (letter: DeadLetter) => boolean;
  readonly #shown: (letter: DeadLetter) => string | null;
  readonly #there = new Tally();
  #met = false;

  constructor(
    condition: "step" | "reason" | "error",
    given: string,
    matches: (letter: DeadLetter) => boolean,
    shown: (letter: DeadLetter) => string | null,
  ) {
    this.#condition = condition;
    this.#given = given;
    this.#matches = matches;
    this.#shown = shown;
  }

  see(letter: DeadLetter): void {
    this.#met ||= this.#matches(letter);
    const value = this.#shown(letter);
    if (!this.#met && value !== null) this.#there.add(value);
  }

  mismatch(): Mismatch | null {
    const there = this.#there.counts();
    return this.#met ? null : { condition: this.#condition, given: this.#given, kind: "unknown", there };
  }
}

function beginningsOf({ names, runId }: LetterFilter): readonly Beginning[] {
  const runOf = ({ step }: DeadLetter) => (step === null ? [] : [step.runId]);
  return [
    ...names.map((name) => new Beginning("id", name, namesOf)),
    ...(runId === null ? [] : [new Beginning("run", runId, runOf)]),
  ];
}

function valuesOf({ step, reason, error }: LetterFilter): readonly Value[] {
  return [
    ...(step === null
      ? []
      : [
          new Value(
            "step",
            step,
            (letter) => matchesStep(step, letter),
            (letter) => letter.step?.stepKey ?? null,
          ),
        ]),
    ...(reason === null
      ? []
      : [
          new Value(
            "reason",
            reason,
            (letter) => letter.reason === reasonNamed(reason),
            (letter) => letter.reason,
          ),
        ]),
    ...(error === null
      ? []
      : [
          new Value(
            "error",
            error,
            (letter) => matchesError(error, letter),
            (letter) => letter.errorClass ?? letter.fingerprint,
          ),
        ]),
  ];
}
