// A tiny model of one row, for random walks. Written from the contract's words alone, without the
// adapters' code.
import type { Ledger } from "../../core/ledger/port.ts";
import { leaseMs, outcome, requestFor, writeBoundMs } from "./ledger-setup.ts";

/** `nth` picks a fence among all that the walk was granted so far, stale ones included. */
export type Move =
  | { readonly do: "claim"; readonly owner: string }
  | { readonly do: "renew"; readonly nth: number }
  | { readonly do: "permit"; readonly nth: number }
  | { readonly do: "settle"; readonly nth: number; readonly failed: boolean }
  | { readonly do: "abandon"; readonly nth: number; readonly giveStartBack: boolean }
  | { readonly do: "advance"; readonly ms: number };

type Write = Exclude<Move, { do: "claim" | "advance" }>;

/**
 * What the model knows of its row. `freeAt` is when a claim may have it; Infinity once it has
 * ended.
 */
export class RowModel {
  now = 0;
  fence = 0;
  starts = 0;
  freeAt = 0;
  holder: string | null = null;
  claimant = "";
  permitted = false;
  recorded: { readonly fence: number; readonly failed: boolean } | null = null;

  /** What the ledger must answer to the move, in the few words of `ask`. */
  answer(move: Move): unknown {
    if (move.do === "advance") return this.#advance(move.ms);
    if (move.do === "claim") return this.#claim(move.owner);
    const fence = fenceOf(move, this.fence);
    const holds = this.holder !== null && fence === this.fence;
    return holds ? this.#write(move) : this.#stale(move, fence);
  }

  #advance(ms: number): void {
    this.now += ms;
  }

  #claim(owner: string): unknown {
    if (this.recorded !== null) return ["settled", this.recorded.failed];
    if (this.now < this.freeAt) return ["held", this.claimant, this.freeAt - this.now];
    const from = this.holder;
    Object.assign(this, { holder: owner, claimant: owner, permitted: false, freeAt: this.now + leaseMs });
    this.fence += 1;
    this.starts += 1;
    return ["granted", this.fence, this.starts, from];
  }

  #write(move: Write): unknown {
    if (move.do === "renew") return this.#lease(true);
    if (move.do === "permit") return this.#permit();
    this.holder = null;
    if (move.do === "settle") {
      this.recorded = { fence: this.fence, failed: move.failed };
      return "recorded";
    }
    this.freeAt = this.permitted ? this.now + writeBoundMs : this.now;
    if (move.giveStartBack) this.starts -= 1;
    return "abandoned";
  }

  #permit(): unknown {
    if (this.permitted) return "refused";
    this.permitted = true;
    return this.#lease("granted");
  }

  #lease(answer: unknown): unknown {
    this.freeAt = this.now + leaseMs + (this.permitted ? writeBoundMs : 0);
    return answer;
  }

  #stale(move: Write, fence: number): unknown {
    const last = fence > 0 && fence === this.fence;
    if (move.do === "renew") return last && this.recorded !== null;
    if (move.do === "permit") return "refused";
    if (move.do === "abandon") return last && this.recorded === null ? "abandoned" : "stale";
    return last && this.recorded?.failed === move.failed ? "recorded" : "stale";
  }
}

/** Makes the move on the real ledger and puts the answer in the model's words. */
export async function ask(
  ledger: Ledger,
  key: string,
  move: Exclude<Move, { do: "advance" }>,
  fences: number,
): Promise<unknown> {
  if (move.do === "claim") return askClaim(ledger, key, move.owner);
  const hold = { key, fence: fenceOf(move, fences) };
  switch (move.do) {
    case "renew":
      return (await ledger.renew([hold], leaseMs))[0];
    case "permit":
      return ledger.permit(hold, leaseMs);
    case "settle":
      return ledger.settle(hold, outcome({ state: move.failed ? "failure" : "success" }));
    case "abandon":
      return ledger.abandon(hold, { giveStartBack: move.giveStartBack });
  }
}

async function askClaim(ledger: Ledger, key: string, owner: string): Promise<unknown> {
  const claim = await ledger.claim(requestFor(key, { owner }));
  if (claim.kind === "granted") return ["granted", claim.fence, claim.starts, claim.takenOverFrom];
  if (claim.kind === "held") return ["held", claim.owner, claim.leftMs];
  return ["settled", claim.outcome.state === "failure"];
}

/**
 * Returns mostly the newest fence, otherwise an older one. Before the first claim it returns 0,
 * which no claim ever gets.
 */
function fenceOf({ nth }: { readonly nth: number }, newest: number): number {
  return Math.max(0, newest - nth);
}
