// A ledger over another one: writes down who asked for what, and cannot be reached when a test says
// so.
import { Fault } from "../../../core/faults.ts";
import type { Hold, Ledger, RowFilter } from "../../../core/ledger/port.ts";
import type { Journal } from "../ports/fake-queue.ts";

type Method =
  | "claim"
  | "renew"
  | "permit"
  | "settle"
  | "abandon"
  | "burialKey"
  | "ping"
  | "requests"
  | "leave"
  | "take";

export class WatchedLedger implements Ledger {
  /** Which calls get no answer; `all` for an outage. */
  readonly down = new Set<Method | "all">();
  /** The holds of each renewal, one list per call. */
  readonly renewed: (readonly Hold[])[] = [];
  /** Replaced by tests that want a call to take its time; runs before the store is asked. */
  before = async (_method: Method): Promise<void> => undefined;
  readonly quiet: Ledger["quiet"];
  readonly cutReceives: Ledger["cutReceives"];
  readonly #store: Ledger;
  readonly #journal: Journal;

  constructor(store: Ledger, journal: Journal = () => undefined) {
    this.#store = store;
    this.#journal = journal;
    this.quiet = {
      ...store.quiet,
      requests: async () => {
        if (this.down.has("all") || this.down.has("requests")) throw unreachable();
        return await store.quiet.requests();
      },
    };
    this.cutReceives = {
      ...store.cutReceives,
      leave: (receives) => this.#ask("leave", `${receives.length}`, () => store.cutReceives.leave(receives)),
      take: (...asked) => this.#ask("take", "-", () => store.cutReceives.take(...asked)),
    };
  }

  readonly claim: Ledger["claim"] = async (request) =>
    await this.#ask("claim", request.key, () => this.#store.claim(request));

  readonly renew: Ledger["renew"] = async (holds, leaseMs) => {
    this.renewed.push(holds);
    const keys = holds.map(({ key }) => key).join(" ");
    return await this.#ask("renew", keys, () => this.#store.renew(holds, leaseMs));
  };

  readonly permit: Ledger["permit"] = async (hold, leaseMs) =>
    await this.#ask("permit", hold.key, () => this.#store.permit(hold, leaseMs));

  readonly settle: Ledger["settle"] = async (hold, outcome) =>
    await this.#ask("settle", `${hold.key} ${outcome.state}`, () => this.#store.settle(hold, outcome));

  readonly abandon: Ledger["abandon"] = async (hold, options) => {
    const how = options.giveStartBack ? " start given back" : "";
    return await this.#ask("abandon", `${hold.key}${how}`, () => this.#store.abandon(hold, options));
  };

  readonly find = (key: string) => this.#store.find(key);
  readonly list = (filter: RowFilter) => this.#store.list(filter);
  readonly lock: Ledger["lock"] = async (...asked) => {
    if (this.down.has("all")) throw unreachable();
    return await this.#store.lock(...asked);
  };
  readonly prune = (settledBeforeMs: number, limit: number) => this.#store.prune(settledBeforeMs, limit);
  readonly burialKey: Ledger["burialKey"] = async () => {
    if (this.down.has("all") || this.down.has("burialKey")) throw unreachable();
    return await this.#store.burialKey();
  };
  readonly planReplay: Ledger["planReplay"] = (plan, id) => this.#store.planReplay(plan, id);
  readonly findReplay: Ledger["findReplay"] = (letterId) => this.#store.findReplay(letterId);
  readonly advanceReplay: Ledger["advanceReplay"] = (...asked) => this.#store.advanceReplay(...asked);
  readonly reopen: Ledger["reopen"] = (request) => this.#store.reopen(request);
  readonly reopenings: Ledger["reopenings"] = (key) => this.#store.reopenings(key);
  readonly ping = () => this.#ask("ping", "-", () => this.#store.ping());
  readonly close = () => this.#store.close();

  async #ask<T>(method: Method, what: string, ask: () => Promise<T>): Promise<T> {
    await this.before(method);
    if (this.down.has(method) || this.down.has("all")) {
      this.#journal(`${method} ${what} (unreachable)`);
      throw unreachable();
    }
    this.#journal(`${method} ${what}`);
    return await ask();
  }
}

function unreachable(): Fault {
  return new Fault("TQ_LEDGER", "ledger under test: connection refused");
}
