// What a preflight finds, and the words for it. Pure.

export interface Finding {
  /** With `refuse`, a worker must not start on the queue, and starting again will not help. */
  readonly severity: "refuse" | "warn";
  /** URL, or the name of one that was not found. */
  readonly queue: string;
  readonly found: string;
  readonly expected: string;
  readonly mend: string;
}

export type Found = Omit<Finding, "queue">;

/** One line for a log or a terminal. */
export function describeFinding({ queue, found, expected, mend }: Finding): string {
  return `queue ${queue} ${found}; expected ${expected}. ${mend}`;
}

export function about(queue: string, ...found: readonly (readonly Found[])[]): readonly Finding[] {
  return found.flat().map((one) => ({ ...one, queue }));
}

export function kind(fifo: boolean): string {
  return fifo ? "a FIFO queue" : "a standard queue";
}
