// The jobs that the contenders get, and their answers.

export interface Job {
  readonly contender: "sqs-consumer" | "sdk-alone" | "taskiq";
  readonly endpoint: string;
  readonly queueUrl: string;
  /**
   * Messages before the clock starts, so that what is measured is neither loading nor compiling.
   */
  readonly warmUp: number;
  readonly count: number;
  readonly concurrency: number;
  /** `sqlite:<path>` or a database's URL. `null` means no persistence. */
  readonly ledger: string | null;
  readonly profile: boolean;
}

export interface Measured {
  readonly messages: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Requests to SQS. */
  readonly requests: number;
  /** Share of the CPU time by part, largest first; empty unless it was profiled. */
  readonly parts: readonly (readonly [part: string, share: number])[];
}
