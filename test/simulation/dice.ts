// Chance by name: the same seed and the same name give the same number, whatever else was asked
// for. So a fault, a step or a run can be left out of a world without changing what happens to the
// others, which is what makes a found failure shrink.

export class Dice {
  readonly #basis: number;

  constructor(seed: number) {
    this.#basis = mix((seed ^ 0x9e3779b9) >>> 0);
  }

  /** Uniform in [0, 1). */
  roll(name: string): number {
    let hash = this.#basis;
    for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return mix(hash >>> 0) / 4_294_967_296;
  }

  /** An integer, both ends included. */
  between(name: string, least: number, most: number): number {
    return least + Math.floor(this.roll(name) * (most - least + 1));
  }

  pick<const T>(name: string, choices: readonly [T, ...T[]]): T {
    return choices[Math.floor(this.roll(name) * choices.length)] ?? choices[0];
  }

  /** Numbers that follow each other, for what asks again and again. */
  stream(name: string): () => number {
    let asked = 0;
    return () => {
      asked += 1;
      return this.roll(`${name} ${asked}`);
    };
  }
}

/** The finalizer of MurmurHash3: every bit of the input reaches every bit of the answer. */
function mix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
