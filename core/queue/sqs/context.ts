// What every part of the SQS adapter is given.
import type { Clock } from "../../clock.ts";
import type { Observe } from "../../observe.ts";
import type { SqsClients } from "./clients.ts";

export interface SqsContext {
  readonly clients: SqsClients;
  readonly clock: Clock;
  readonly observe: Observe;
  /** 0 to 1; spreads retries. */
  readonly random: () => number;
}

/** A queue that has been found. */
export interface QueueAddress {
  readonly url: string;
  readonly fifo: boolean;
}

/** SQS demands this suffix of every FIFO queue and of no other. */
export function addressOf(url: string): QueueAddress {
  return { url, fifo: url.endsWith(".fifo") };
}
