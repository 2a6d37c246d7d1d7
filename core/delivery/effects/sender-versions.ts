// Judges messages of run workers with another Dagster than this worker's. A worker runs those of
// another minor version, and warns once for each pair of versions. It leaves those of a Dagster
// that is too new to a newer worker, as it does with a newer version of the envelope.

import type { HostVersions } from "../../runner/port.ts";
import { isAtLeast, minorOf } from "../../step/dagster-version.ts";
import type { Delivery } from "../delivery.ts";
import type { EventIn } from "../states.ts";

/** Producers choose the texts, so the worker logs and keeps a limited number of them. */
const MOST_PAIRS = 50;

export class SenderVersions {
  readonly #said = new Set<string>();

  /**
   * Returns `null` for a message that this worker may run. `swept`: it lies in the dead letter
   * queue.
   */
  judge(
    delivery: Delivery,
    ours: HostVersions | null,
    swept: boolean,
  ): Extract<EventIn<"received">, { is: "unknown_version" }> | null {
    const theirs = delivery.senderDagster;
    if (theirs === null || ours === null) return null;
    if (ours.supported !== null && isAtLeast(theirs, ours.supported.below)) {
      const message = `sent by Dagster ${theirs}, which is too new: ${supportedBy(ours)}; left for a newer worker`;
      delivery.log("warn", "delivery.newer_dagster", message, { theirs, ours: ours.dagster });
      return { is: "unknown_version", swept };
    }
    if (minorOf(theirs) !== minorOf(ours.dagster)) this.#warn(delivery, theirs, ours);
    return null;
  }

  #warn(delivery: Delivery, theirs: string, ours: HostVersions): void {
    const pair = `${theirs} ${ours.dagster}`;
    if (this.#said.has(pair) || this.#said.size >= MOST_PAIRS) return;
    this.#said.add(pair);
    const tooOld = ours.supported !== null && !isAtLeast(theirs, ours.supported.oldest);
    const message =
      `steps come from a run worker with Dagster ${theirs}, and this worker has Dagster ${ours.dagster}; ` +
      `they run, but give both the same version${tooOld ? ` (${supportedBy(ours)})` : ""}`;
    delivery.log("warn", "delivery.other_dagster", message, { theirs, ours: ours.dagster });
  }
}

function supportedBy({ dagsterTaskiq, supported }: HostVersions): string {
  return `dagster-taskiq ${dagsterTaskiq} supports Dagster ${supported?.oldest} or newer, below ${supported?.below}`;
}
