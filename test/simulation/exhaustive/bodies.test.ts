// All interleavings of several bodies under one key. Claims are answered late, leases end and
// workers die. First two bodies, each delivered twice, with a body that cannot be read between
// them. Then one that comes before its attempt was sent, while the run worker's own message cannot
// be read. The real rules decide which body has the row, and what becomes of a message whose
// attempt is not open. The bodies that could end the attempt are never all buried.
import assert from "node:assert/strict";
import { test } from "node:test";
import { advance } from "../../../core/delivery/lifecycle.ts";
import { claimedDigest } from "../../../core/ledger/claimable.ts";

interface Rules {
  /** Digest of a row once it is claimed for a body. */
  readonly claimed: (row: Row, asked: string) => string;
  /** Whether a message that is not open is buried, if the answer to its abandoning is this. */
  readonly buries: (answer: "abandoned" | "stale") => boolean;
}

interface Row {
  readonly state: "none" | "pending" | "running";
  readonly leased: boolean;
  readonly payloadDigest: string;
  readonly bodyBound: boolean;
}

interface Delivery {
  readonly body: string;
  /**
   * `asks` means that the claim is made, and its answer is under way. `lets_go` means that its
   * process found the attempt not open, and it is buried once it has given the row back.
   */
  readonly at: "idle" | "asks" | "runs" | "lets_go" | "buries";
  /** The digest in the answer to its claim. */
  readonly answer: string;
  /** Holds the latest fence. */
  readonly owns: boolean;
}

interface Situation {
  readonly row: Row;
  readonly buried: readonly string[];
  /** The run worker has sent the attempt. */
  readonly sent: boolean;
  readonly ended: boolean;
  readonly deliveries: readonly Delivery[];
}

const unreadable = "";
const idle = { at: "idle", answer: "", owns: false } as const;
const row = { state: "none", leased: false, payloadDigest: "", bodyBound: false } as const;
const nothingYet = { row, buried: [], ended: false } as const;
const twoBodies: Situation = {
  ...nothingYet,
  sent: true,
  deliveries: ["a", "a", "b", "b", unreadable].map((body) => ({ body, ...idle })),
};
/** Each is received once at a time, as on a FIFO queue. */
const early: Situation = {
  ...nothingYet,
  sent: false,
  deliveries: ["a", unreadable].map((body) => ({ body, ...idle })),
};
const rules: Rules = {
  claimed: claimedDigest,
  buries: (answer) => {
    const why = { reason: "not_open", detail: "", error: null } as const;
    const [, { do: next }] = advance({ at: "abandoning", release: "short", starts: 1, bury: why }, { is: answer });
    return next === "bury";
  },
};

test("two bodies under one key are never both buried", () => {
  const { situations, broken } = explore(rules, twoBodies, ["a", "b"]);
  assert.deepEqual(broken, null);
  assert.ok(situations > 1_000, `${situations} situations`);
});

test("two bodies are both buried when a row is free for any body once a lease has ended", () => {
  const claimed: Rules["claimed"] = (row, asked) =>
    claimedDigest({ ...row, bodyBound: row.bodyBound && row.state === "pending" }, asked);
  assert.equal(explore({ ...rules, claimed }, twoBodies, ["a", "b"]).broken?.rule, "both are buried");
});

test("two bodies are both buried when only a claim binds a row", () => {
  const claimed: Rules["claimed"] = (row, asked) => (row.payloadDigest === "" ? asked : row.payloadDigest);
  assert.equal(explore({ ...rules, claimed }, twoBodies, ["a", "b"]).broken?.rule, "both are buried");
});

test("a body that came too early and the run worker's unreadable one are never both buried", () => {
  const { situations, broken } = explore(rules, early, ["a", unreadable]);
  assert.deepEqual(broken, null);
  assert.ok(situations > 50, `${situations} situations`);
});

test("two bodies are both buried when a message that is not open is buried though its claim is another's", () => {
  const broken = explore({ ...rules, buries: () => true }, early, ["a", unreadable]).broken;
  assert.equal(broken?.rule, "both are buried");
});

/** `asking`: the bodies of which one must end the attempt. */
function explore(rules: Rules, beginning: Situation, asking: readonly string[]) {
  const ways = new Map([[JSON.stringify(beginning), [] as readonly string[]]]);
  const open = [beginning];
  for (const situation of open) {
    const way = ways.get(JSON.stringify(situation)) ?? [];
    if (!situation.ended && asking.every((body) => situation.buried.includes(body)))
      return { situations: ways.size, broken: { rule: "both are buried", way } };
    for (const [label, next] of branches(situation, rules)) {
      const key = JSON.stringify(next);
      if (ways.has(key)) continue;
      ways.set(key, [...way, label]);
      open.push(next);
    }
  }
  return { situations: ways.size, broken: null };
}

type Branch = readonly [label: string, next: Situation];
type Become = (change: Partial<Delivery>, rest?: Partial<Situation>) => Situation;

function* branches(from: Situation, rules: Rules): Generator<Branch> {
  if (from.ended) return;
  const { row } = from;
  if (!from.sent) yield ["the run worker sends it", { ...from, sent: true }];
  if (row.leased) yield ["the lease ends", { ...from, row: { ...row, leased: false } }];
  for (const [i, delivery] of from.deliveries.entries()) {
    const become: Become = (change, rest = {}) => ({
      ...from,
      ...rest,
      deliveries: from.deliveries.map((one, j) => (i === j ? { ...one, ...change } : one)),
    });
    const who = `${delivery.body === unreadable ? "the unreadable body" : delivery.body} (${i})`;
    for (const [what, next] of ofDelivery(from, delivery, become, rules)) yield [`${who} ${what}`, next];
  }
}

function* ofDelivery(from: Situation, delivery: Delivery, become: Become, rules: Rules): Generator<Branch> {
  const { body, at, answer } = delivery;
  if (at !== "idle") yield ["dies with its worker", become(idle)];
  if (at === "idle" && !from.row.leased && !from.buried.includes(body) && (from.sent || body !== unreadable))
    yield ["claims", claim(from, body, become, rules)];
  if (at === "asks") yield ["hears", become({ at: answer === "" || answer === body ? "runs" : "buries" })];
  if (at === "runs") yield* ofRunning(from, delivery, become);
  if (at === "lets_go" || at === "buries") yield ofBuried(from, delivery, become, rules);
}

function ofBuried(from: Situation, { body, at, owns }: Delivery, become: Become, rules: Rules): Branch {
  if (at === "buries") {
    const row = owns ? ({ ...from.row, state: "pending", leased: false } as const) : from.row;
    return ["is buried", become(idle, { row, buried: [...new Set([...from.buried, body])].sort() })];
  }
  const after = rules.buries(owns ? "abandoned" : "stale") ? become({ at: "buries" }) : become(idle);
  return ["lets go", owns ? { ...after, row: forgotten(from.row) } : after];
}

function* ofRunning(from: Situation, { owns }: Delivery, become: Become): Generator<Branch> {
  const { row, sent } = from;
  if (!sent) return yield ["finds it not open", become({ at: "lets_go" })];
  if (owns) yield ["ends the attempt", become(idle, { ended: true })];
  for (const [what, after] of abandoned(row)) yield [what, become(idle, owns ? { row: after } : {})];
}

function claim(from: Situation, body: string, become: Become, { claimed }: Rules): Situation {
  const payloadDigest = from.row.state === "none" ? body : claimed(from.row, body);
  const row = { ...from.row, state: "running", leased: true, payloadDigest } as const;
  const { deliveries } = become({ at: "asks", answer: payloadDigest });
  return { ...from, row, deliveries: deliveries.map((one, i) => ({ ...one, owns: one !== from.deliveries[i] })) };
}

function abandoned(row: Row): readonly (readonly [string, Row])[] {
  const free = { ...row, state: "pending", leased: false } as const;
  return [
    ["binds the row", { ...free, bodyBound: row.bodyBound || row.payloadDigest !== "" }],
    ["forgets its body", forgotten(row)],
  ];
}

function forgotten(row: Row): Row {
  const free = { ...row, state: "pending", leased: false } as const;
  return row.bodyBound ? free : { ...free, payloadDigest: "" };
}
