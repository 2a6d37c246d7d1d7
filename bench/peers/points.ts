// What the plots show.

export interface Point {
  readonly plot: "rate" | "cpu" | "job size";
  readonly contender: string;
  /** The size of the job; 0 where the contenders stand side by side. */
  readonly x: number;
  readonly y: number;
}
