// What every part of the SQS adapter is given.
import type { Clock } from "../../clock.ts";
import type { Observe } from "../../observe.ts";
import type { Outages } from "../../outages.ts";
import type { Site } from "./site.ts";
import type { Sites } from "./sites.ts";

export interface SqsContext {
  readonly sites: Sites;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Of entries that SQS refuses. */
  readonly outages: Outages;
  /** 0 to 1; spreads retries. */
  readonly random: () => number;
}

/** A queue that has been found. */
export interface QueueAddress {
  readonly url: string;
  readonly fifo: boolean;
  /**
   * Where it is asked. A queue that was looked up by name is asked where its name was: its URL may
   * not be reachable from here.
   */
  readonly site: Site;
}

export function addressOf(url: string, site: Site): QueueAddress {
  return { url, fifo: isFifo(url), site };
}

/** SQS demands this suffix of the name of every FIFO queue and of no other. */
export function isFifo(nameOrUrl: string): boolean {
  return nameOrUrl.endsWith(".fifo");
}
