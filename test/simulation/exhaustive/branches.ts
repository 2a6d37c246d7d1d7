// Every way in which a situation can go on. An effect that the real `advance` asked for is done,
// not done, or done without an answer. Step processes go on, die, or are killed. Workers are
// killed. Leases and visibilities end.
import type { Effect, Event } from "../../../core/delivery/states.ts";
import { errorInfo } from "../../support/ports/scripted-steps.ts";
import {
  type Advance,
  abandon,
  ack,
  bury,
  claim,
  claimAnswer,
  commit,
  commitOwn,
  copyOf,
  dieProcess,
  endLease,
  endProcess,
  move,
  outcomeEvent,
  type Physics,
  receive,
  type Situation,
  settle,
  transact,
  type WorkerState,
} from "./situation.ts";

export interface Branch {
  readonly label: string;
  readonly next: Situation;
}

/** All that can happen next. */
export function* branches(from: Situation, advance: Advance, physics: Physics): Generator<Branch> {
  const make = (label: string, change: (next: Situation) => void): Branch => {
    const next = copyOf(from);
    change(next);
    return { label, next };
  };
  if (from.place === "queue" && !from.visible) {
    yield make("visibility ends", (next) => {
      next.visible = true;
    });
  }
  if (!from.sent) {
    yield make("the run worker sends it", (next) => {
      next.sent = true;
    });
  }
  if (from.leased) yield make("lease ends", (next) => endLease(next, physics));
  for (const i of [0, 1] as const) yield* ofWorker(from, i, make, advance, physics);
}

type Make = (label: string, change: (next: Situation) => void) => Branch;

function* ofWorker(from: Situation, i: 0 | 1, make: Make, advance: Advance, physics: Physics): Generator<Branch> {
  const worker = from.workers[i];
  const of = (label: string, change: (next: Situation, worker: WorkerState) => void) =>
    make(`w${i + 1} ${label}`, (next) => change(next, next.workers[i]));
  const on = (label: string, event: Event, change: (next: Situation, worker: WorkerState) => void = () => undefined) =>
    of(`${label}: ${event.is}`, (next, own) => {
      change(next, own);
      move(own, event, advance);
    });
  if (worker.ghost) yield of("a write left behind is committed", (next, own) => commit(next, own));
  const { transaction } = physics;
  if (worker.commit !== "none" && transaction !== undefined) {
    yield of("a COMMIT left behind arrives", (next, own) => {
      transact(next, worker.commit === "current", worker.commits, transaction);
      own.commit = "none";
    });
    yield of("a COMMIT left behind is lost", (_next, own) => void Object.assign(own, { commit: "none" }));
  }
  if (worker.life === null) {
    if (from.place === "queue" && from.visible) yield of("receives", (next, own) => receive(next, own, advance));
    return;
  }
  yield of("is killed", (_next, own) => {
    dieProcess(_next, own);
    Object.assign(own, { life: null, owns: false, receipt: false, stage: "none", spent: false });
  });
  yield* ofEffect(from, worker, worker.life.effect, on, of, physics);
}

type Work = "execute" | "report";
type On = (label: string, event: Event, change?: (next: Situation, worker: WorkerState) => void) => Branch;
type Of = (label: string, change: (next: Situation, worker: WorkerState) => void) => Branch;

function* ofEffect(from: Situation, worker: WorkerState, effect: Effect, on: On, of: Of, physics: Physics) {
  switch (effect.do) {
    case "claim":
      yield on("claims", claimAnswer(from, physics), (next, own) => claim(next, own, physics));
      yield on("claims, nothing arrives", { is: "ledger_unreachable" });
      yield on("claims, the answer is lost", { is: "ledger_unreachable" }, (next, own) => {
        claim(next, own, physics);
        own.owns = false;
      });
      yield on("claims, the row cannot be read", { is: "row_unreadable" });
      yield on("stops", { is: "stopping" });
      return;
    case "wait":
      if (!from.leased) yield on("waited", { is: "lease_ended" });
      if (!worker.receipt) yield on("waited", { is: "visibility_lost" });
      yield on("stops", { is: "stopping" });
      return;
    case "execute":
    case "report":
      yield* ofProcess(from, worker, effect.do, on, of, physics);
      return;
    case "settle":
    case "abandon":
      yield* ofEnding(from, worker, effect, on, physics);
      return;
    case "bury":
      yield on("buries", { is: "buried" }, (next) => bury(next, effect.why.reason));
      yield on("buries, nothing arrives", { is: "bury_failed" });
      yield on("buries, the answer is lost", { is: "bury_failed" }, (next) => bury(next, effect.why.reason));
      return;
    case "ack":
      yield on("acks", { is: "acked" }, ack);
      yield on("acks, nothing arrives", { is: "ack_failed" });
      return;
    case "release":
      yield on("releases", { is: "released" }, (next, own) => {
        if (own.receipt) next.visible = true;
      });
      yield on("releases, nothing arrives", { is: "release_failed" });
      return;
    case "none":
      return;
  }
}

function* ofProcess(
  from: Situation,
  worker: WorkerState,
  what: Work,
  on: On,
  of: Of,
  physics: Physics,
): Generator<Branch> {
  const { stage } = worker;
  switch (stage) {
    case "none":
      yield of("forks", (_next, own) => void Object.assign(own, { stage: "looking" }));
      return;
    case "looking":
      yield* ofLook(from, what, on, of, physics);
      break;
    case "running":
      if (physics.transaction !== undefined) yield* ofBeginning(from, worker, what, on, of);
      else yield of("asks", (_next, own) => void Object.assign(own, { stage: "asking" }));
      break;
    case "transacting":
      yield* ofTransaction(from, worker, on, of, physics);
      break;
    case "asking":
      yield* ofPermit(from, worker, on, of, physics);
      break;
    case "permitted":
      yield of("writes", commitOwn);
      break;
    case "written":
      yield of("reports", (_next, own) => void Object.assign(own, { stage: "reported" }));
      break;
    case "reported":
      yield on("ends", endOf(what, physics), (_next, own) => endProcess(own));
      return;
  }
  yield* ofDeath(from, worker, on);
}

function endOf(what: Work, { transaction }: Physics): Event {
  if (transaction !== undefined) return { is: "recorded" };
  return outcomeEvent(what === "report" ? "reported" : "success");
}

/** Nothing is locked yet. A claim that is over already shows. */
function* ofBeginning(from: Situation, worker: WorkerState, what: Work, on: On, of: Of): Generator<Branch> {
  const commits = what === "report" ? "dead" : "settled";
  if (worker.owns && from.row === "running") {
    yield of("begins its transaction", (_next, own) => void Object.assign(own, { stage: "transacting", commits }));
  } else {
    yield on("finds its claim over", { is: "permit_refused" }, (_next, own) => endProcess(own));
  }
}

function* ofTransaction(from: Situation, worker: WorkerState, on: On, of: Of, physics: Physics): Generator<Branch> {
  const rules = physics.transaction;
  if (rules === undefined) return;
  const commits = (next: Situation) => transact(next, worker.owns, worker.commits, rules);
  if (commits(copyOf(from))) {
    yield of("commits", (next, own) => {
      commits(next);
      own.stage = "written";
    });
  } else {
    yield on("is refused by its claim", { is: "permit_refused" }, (next, own) => {
      commits(next);
      endProcess(own);
    });
  }
  yield on("commits, and nothing says so", { is: "permit_refused" }, (next, own) => {
    commits(next);
    endProcess(own);
  });
}

function* ofLook(from: Situation, what: Work, on: On, of: Of, physics: Physics): Generator<Branch> {
  const leave = (_next: Situation, own: WorkerState) => endProcess(own);
  if (from.events > 0 && physics.readsLog) yield on("finds it over", outcomeEvent("success"), leave);
  else if (from.sent || !physics.requiresOpen)
    yield of("finds it open", (_next, own) => void Object.assign(own, { stage: "running" }));
  else yield on("finds it not open", { is: "not_open", why: { reason: "not_open", detail: "", error: null } }, leave);
  yield on("finds no database", { is: "unavailable", error: errorInfo("E", "") }, leave);
  const why = { reason: "worker_lost", detail: "", error: null } as const;
  if (what === "execute" && from.starts > 1) yield on("may not run it again", { is: "rerun_refused", why }, leave);
}

function* ofDeath(from: Situation, worker: WorkerState, on: On): Generator<Branch> {
  const why = { reason: "step_fault", detail: "", error: null } as const;
  yield on("process dies", { is: "host_fault", why, permitted: worker.spent }, dieProcess);
  yield on("is asked to stop", { is: "interrupted" }, dieProcess);
  if (!worker.owns || !from.leased) yield on("lease is over", { is: "lease_lost" }, dieProcess);
}

function* ofPermit(from: Situation, worker: WorkerState, on: On, of: Of, physics: Physics): Generator<Branch> {
  const grants = from.row === "running" && (worker.owns || !physics.fences);
  if (grants || !physics.asksPermit) {
    yield of("is permitted", (next, own) => {
      if (grants) Object.assign(next, { row: "permitted", leased: true });
      Object.assign(own, { stage: "permitted", spent: true });
    });
  }
  const refused = { is: "permit_refused" } as const;
  if (!grants && physics.asksPermit) yield on("is refused", refused, (_next, own) => endProcess(own));
  if (grants) {
    yield on("is permitted, and does not hear of it", refused, (next, own) => {
      Object.assign(next, { row: "permitted", leased: true });
      endProcess(own);
    });
  }
}

function* ofEnding(
  from: Situation,
  worker: WorkerState,
  effect: Extract<Effect, { do: "settle" | "abandon" }>,
  on: On,
  physics: Physics,
): Generator<Branch> {
  const holds = (worker.owns || !physics.fences) && (from.row === "running" || from.row === "permitted");
  const change = (next: Situation, own: WorkerState) => {
    if (holds && effect.do === "settle") settle(next, effect.outcome);
    if (holds && effect.do === "abandon") abandon(next, effect.giveStartBack);
    own.owns = false;
    own.spent = false;
  };
  const done: Event = effect.do === "settle" ? { is: "recorded" } : { is: "abandoned" };
  const forget = (_next: Situation, own: WorkerState) => void Object.assign(own, { owns: false, spent: false });
  yield on(`${effect.do}s`, holds ? done : { is: "stale" }, change);
  yield on(`${effect.do}s, nothing arrives`, { is: "ledger_unreachable" }, forget);
  yield on(`${effect.do}s, the answer is lost`, { is: "ledger_unreachable" }, change);
}
