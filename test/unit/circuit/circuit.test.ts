// The circuit's table, row by row, and the rules that hold in any order of events.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  beginProbe,
  type Cause,
  type Circuit,
  closed,
  due,
  endProbe,
  isTimed,
  leaveOf,
  mayReport,
  passTrials,
  reportable,
  tried,
  trip,
  worked,
} from "../../../core/circuit/circuit.ts";

const ledger = { cause: "ledger", why: "connection refused" } as const;
const whole = { max: 10, longPoll: true };
const one = { max: 1, longPoll: true };

const open = (cause: Cause = "ledger", nowMs = 0) => trip(closed, { cause, why: "connection refused" }, nowMs, 0.5);
const probing = (cause: Cause = "ledger") => beginProbe(open(cause), cause);
const onTrial = (cause: Cause = "ledger") => endProbe(probing(cause), cause, null, 1_000, 0.5);
const causes = (circuit: Circuit) => circuit.map(({ cause }) => cause);

describe("an outage", () => {
  test("a circuit without an outage lets everything through", () => {
    assert.deepEqual([leaveOf(closed), isTimed(closed), reportable(closed, 0)], [whole, false, []]);
  });

  test("an outage shuts the intake at once, and is probed after a backoff", () => {
    assert.deepEqual([leaveOf(open()), causes(reportable(open(), 0)), isTimed(open())], [null, ["ledger"], true]);
    assert.deepEqual([due(open(), 499), causes(due(open(), 500))], [[], ["ledger"]]);
  });

  test("an outage that is met several times is one outage, with the last cause", () => {
    const again = trip(open(), { ...ledger, why: "timed out" }, 400, 0.9);
    assert.deepEqual(
      again.map(({ why, phase }) => [why, phase]),
      [["timed out", { is: "open", probeAtMs: 500 }]],
    );
  });

  test("an outage is probed once at a time", () => {
    assert.deepEqual([due(probing(), 10_000), leaveOf(probing()), isTimed(probing())], [[], null, false]);
    assert.deepEqual(causes(reportable(probing(), 0)), ["ledger"]);
  });

  test("an outage whose probe fails is open, with twice the backoff each time, up to 30 s", () => {
    let circuit = open();
    const waits: number[] = [];
    for (let nowMs = 0; waits.length < 8; ) {
      const [phase] = circuit.map((outage) => outage.phase);
      if (phase?.is !== "open") assert.fail(`expected open, got ${phase?.is}`);
      waits.push(phase.probeAtMs - nowMs);
      nowMs = phase.probeAtMs;
      circuit = endProbe(beginProbe(circuit, "ledger"), "ledger", "still refused", nowMs, 0.5);
      assert.deepEqual([leaveOf(circuit), circuit[0]?.why], [null, "still refused"]);
    }
    assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  });

  test("an outage is never probed in a hot loop, and never later than 30 s", () => {
    assert.deepEqual(causes(due(trip(closed, ledger, 0, 0), 250)), ["ledger"]);
    assert.deepEqual(due(trip(closed, ledger, 0, 0), 249), []);
    let circuit = open();
    for (let i = 0; i < 40; i += 1) circuit = endProbe(beginProbe(circuit, "ledger"), "ledger", "no", 0, 0.999);
    assert.deepEqual(causes(due(circuit, 30_000)), ["ledger"]);
  });

  test("an outage whose probe passes is on trial: one message, nothing to report, and nothing waits for time", () => {
    assert.deepEqual([leaveOf(onTrial()), reportable(onTrial(), 9_000), isTimed(onTrial())], [one, [], false]);
  });

  test("an outage on trial gives no second message while the first tries", () => {
    const trying = tried(onTrial(), 2_000);
    assert.deepEqual([leaveOf(trying), isTimed(trying)], [null, true]);
    assert.deepEqual(tried(trying, 20_000), trying, "a second delivery prolongs nothing");
  });

  test("an outage on trial is over when it is proven to work, or nothing fails for 30 s", () => {
    assert.deepEqual(worked(onTrial(), "ledger"), closed);
    assert.deepEqual(worked(tried(onTrial(), 2_000), "ledger"), closed);
    assert.equal(passTrials(tried(onTrial(), 2_000), 31_999).length, 1);
    assert.deepEqual(passTrials(tried(onTrial(), 2_000), 32_000), closed);
    assert.equal(passTrials(onTrial(), 1_000_000).length, 1, "nothing has tried yet");
  });

  test("an outage that fails on trial is open, and its backoff continues", () => {
    const failed = trip(tried(onTrial(), 2_000), ledger, 3_000, 0.5);
    assert.deepEqual([leaveOf(failed), failed[0]?.phase], [null, { is: "open", probeAtMs: 4_000 }]);
  });

  test("an earlier success does not end an outage", () => {
    assert.deepEqual(worked(open(), "ledger"), open());
    assert.deepEqual(worked(probing(), "ledger"), probing());
    assert.deepEqual(worked(onTrial(), "instance"), onTrial());
  });

  test("an outage that was not probed ignores the end of a probe", () => {
    assert.deepEqual(endProbe(open(), "ledger", null, 0, 0), open());
    assert.deepEqual(endProbe(onTrial(), "ledger", "late", 0, 0), onTrial());
  });
});

describe("the queue", () => {
  const passing = { cause: "queue", why: "throttled", patienceMs: 30_000 } as const;

  test("the queue is probed by a receive of one message that does not wait", () => {
    assert.deepEqual([leaveOf(open("queue")), leaveOf(probing("queue"))], [null, { max: 1, longPoll: false }]);
    assert.deepEqual(endProbe(probing("queue"), "queue", null, 0, 0), closed);
  });

  test("a throttled queue closes at once but is reported only after 30 s", () => {
    const circuit = trip(closed, passing, 0, 0.5);
    assert.deepEqual(
      [leaveOf(circuit), reportable(circuit, 29_999), reportable(circuit, 30_000).length],
      [null, [], 1],
    );
    const later = trip(circuit, passing, 20_000, 0.5);
    assert.equal(reportable(later, 30_000).length, 1, "the patience does not start anew");
  });

  test("a queue that was throttled and then denies is reported at once", () => {
    const circuit = trip(trip(closed, passing, 0, 0.5), { cause: "queue", why: "denied" }, 5_000, 0.5);
    assert.deepEqual(
      reportable(circuit, 5_000).map(({ why }) => why),
      ["denied"],
    );
  });
});

describe("steps may be ended without their code", () => {
  const rows: readonly [string, Circuit, boolean][] = [
    ["while all is well", closed, true],
    ["while their code cannot be imported", open("location"), true],
    ["while the ledger is on trial", onTrial("ledger"), true],
    ...(["ledger", "instance", "host", "queue"] as const).map((cause): [string, Circuit, boolean] => [
      `while the ${cause} is down`,
      open(cause),
      false,
    ]),
    ["while the ledger is probed", probing("ledger"), false],
  ];
  for (const [what, circuit, may] of rows)
    test(`an outage ${may ? "may" : "may not"} be reported: ${what}`, () => assert.equal(mayReport(circuit), may));
});

describe("several outages", () => {
  const both = trip(open("ledger"), { cause: "instance", why: "no route to host" }, 100, 0.5);

  test("several outages are all reported, oldest first", () =>
    assert.deepEqual(causes(reportable(both, 100)), ["ledger", "instance"]));

  test("several outages keep the intake shut until the last is over", () => {
    const half = endProbe(beginProbe(both, "ledger"), "ledger", null, 1_000, 0.5);
    assert.deepEqual([leaveOf(half), causes(reportable(half, 1_000))], [null, ["instance"]]);
    const trials = endProbe(beginProbe(half, "instance"), "instance", null, 1_000, 0.5);
    assert.deepEqual([leaveOf(trials), leaveOf(worked(trials, "ledger"))], [one, one]);
    assert.deepEqual(leaveOf(worked(worked(trials, "ledger"), "instance")), whole);
  });

  test("a probe of the queue receives no more than the other outages allow", () => {
    const circuit = [...probing("queue"), ...onTrial("ledger")];
    assert.deepEqual(leaveOf(circuit), { max: 1, longPoll: false });
    assert.equal(leaveOf([...probing("queue"), ...open("ledger")]), null);
  });
});

describe("in any order of events", () => {
  type Change = (circuit: Circuit, cause: Cause, nowMs: number, chance: number) => Circuit;
  const changes: readonly Change[] = [
    (circuit, cause, nowMs, chance) => trip(circuit, { cause, why: "…" }, nowMs, chance),
    beginProbe,
    (circuit, cause, nowMs, chance) => endProbe(circuit, cause, null, nowMs, chance),
    (circuit, cause, nowMs, chance) => endProbe(circuit, cause, "…", nowMs, chance),
    (circuit, _cause, nowMs) => tried(circuit, nowMs),
    worked,
    (circuit, _cause, nowMs) => passTrials(circuit, nowMs),
  ];
  const step = fc.record({
    change: fc.constantFrom(...changes),
    cause: fc.constantFrom<Cause>("queue", "ledger", "instance", "location", "host"),
    chance: fc.double({ min: 0, max: 0.999, noNaN: true }),
    ms: fc.nat(40_000),
  });

  /** Every state on the way, and when it was reached. */
  const states = fc.array(step, { maxLength: 60 }).map((steps) => {
    const walk = [{ circuit: closed, nowMs: 0 }];
    for (const { change, cause, chance, ms } of steps) {
      const last = walk.at(-1) ?? { circuit: closed, nowMs: 0 };
      walk.push({ circuit: change(last.circuit, cause, last.nowMs + ms, chance), nowMs: last.nowMs + ms });
    }
    return walk;
  });

  test("each cause has at most one outage, and nothing is received while one is open", () => {
    const holds = ({ circuit }: { circuit: Circuit }) => {
      assert.equal(new Set(causes(circuit)).size, circuit.length);
      const leave = leaveOf(circuit);
      if (circuit.some(({ phase }) => phase.is === "open")) assert.equal(leave, null);
      else if (circuit.length > 0 && leave !== null) assert.equal(leave.max, 1);
    };
    fc.assert(fc.property(states, (walk) => walk.forEach(holds)));
  });

  test("the circuit closes once nothing fails any more", () => {
    fc.assert(
      fc.property(states, (walk) => {
        let { circuit, nowMs } = walk.at(-1) ?? { circuit: closed, nowMs: 0 };
        for (let rounds = 0; rounds < 3; rounds += 1) {
          nowMs += 30_000;
          circuit = causes(due(circuit, nowMs)).reduce(beginProbe, circuit);
          for (const cause of causes(circuit)) circuit = endProbe(circuit, cause, null, nowMs, 0.5);
          circuit = tried(passTrials(circuit, nowMs), nowMs);
        }
        assert.deepEqual(circuit, closed);
      }),
    );
  });
});
