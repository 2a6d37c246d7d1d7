// The ledger and the runner as deliveries and leases use them. Each call reports to the breaker
// whether the dependency failed or worked.
import { describeError, isOneRowsFault } from "../faults.ts";
import type { Ledger } from "../ledger/port.ts";
import type { AskPermit, Ending, Runner, StepOrder } from "../runner/port.ts";
import { describeFailure } from "./breaker.ts";
import type { Cause, Failure } from "./circuit.ts";
import { confirms } from "./hearsay.ts";

export interface Watcher {
  failed(failure: Failure): void;
  worked(...causes: readonly Cause[]): void;
}

/** The dependencies of deliveries and leases. */
export interface Dependencies {
  readonly ledger: UsedLedger;
  readonly runner: UsedRunner;
}

export type UsedLedger = Pick<
  Ledger,
  "claim" | "renew" | "permit" | "settle" | "abandon" | "burialKey" | "lock" | "prune"
>;
type UsedRunner = Pick<Runner, "execute" | "report" | "notice" | "instance" | "versions">;

/**
 * So many steps in a row whose code cannot be imported mean that no step can run. Fewer mean that
 * one location of several is broken.
 */
const LOCATION_FAULTS = 3;

/** Returns the same ledger, each of whose requests goes through `around` with its name. */
export function aroundLedger(
  ledger: UsedLedger,
  around: <T>(asked: Promise<T>, operation: string) => Promise<T>,
): UsedLedger {
  return {
    claim: (request) => around(ledger.claim(request), "claim"),
    renew: (holds, leaseMs) => around(ledger.renew(holds, leaseMs), "renew"),
    permit: (hold, leaseMs) => around(ledger.permit(hold, leaseMs), "permit"),
    settle: (hold, outcome) => around(ledger.settle(hold, outcome), "settle"),
    abandon: (hold, options) => around(ledger.abandon(hold, options), "abandon"),
    burialKey: () => around(ledger.burialKey(), "burial_key"),
    lock: (name, owner, leaseMs) => around(ledger.lock(name, owner, leaseMs), "lock"),
    prune: (beforeMs, limit) => around(ledger.prune(beforeMs, limit), "prune"),
  };
}

export function watchLedger(ledger: UsedLedger, watcher: Watcher): UsedLedger {
  return aroundLedger(ledger, async (asked) => {
    try {
      const answer = await asked;
      watcher.worked("ledger");
      return answer;
    } catch (error) {
      if (isOneRowsFault(error)) watcher.worked("ledger");
      else watcher.failed({ cause: "ledger", why: describeError(error) });
      throw error;
    }
  });
}

export function watchRunner(runner: UsedRunner & Pick<Runner, "probe">, watcher: Watcher): UsedRunner {
  let locationFaults = 0;
  const ran = () => {
    locationFaults = 0;
    watcher.worked("instance", "host", "location");
  };
  const judge = (ending: Ending, runId: string): Ending => {
    // An outcome that stood in the log before does not prove that the code can be imported.
    if (ending.kind === "ended" || ending.kind === "unknown_run") watcher.worked("instance", "host");
    if (ending.kind !== "fault" || ending.scope === "step") return ending;
    if (ending.scope === "location") locationFaults += 1;
    const failure: Failure = { cause: ending.scope, why: describeFailure(ending) };
    if (ending.scope !== "location") watcher.failed(failure);
    else if (locationFaults >= LOCATION_FAULTS) watcher.failed({ ...failure, runId });
    return ending;
  };
  const heard = async (ending: Ending, order: StepOrder, signal: AbortSignal): Promise<Ending> => {
    const closes =
      ending.kind === "fault" &&
      (ending.scope === "instance" || (ending.scope === "location" && locationFaults + 1 >= LOCATION_FAULTS));
    const confirmed = closes ? await confirms(runner, order, ending, signal) : true;
    if (confirmed === true) return judge(ending, order.envelope.runId);
    if (confirmed === false) {
      if (ending.kind === "fault" && ending.scope === "location") locationFaults = 0;
      watcher.worked("instance", "host");
    }
    return ending;
  };
  // A step that asks for its permit has read the log and run its code.
  const noting = (ask: AskPermit): AskPermit => {
    return () => {
      ran();
      return ask();
    };
  };
  return {
    execute: async (order, ask, signal) => await heard(await runner.execute(order, noting(ask), signal), order, signal),
    report: async (order, ask, signal) => judge(await runner.report(order, ask, signal), order.runId),
    notice: (notice) => runner.notice(notice),
    instance: () => runner.instance(),
    versions: () => runner.versions(),
  };
}
