// Every verdict names actions that the commands accept: the words are read, and what they say is
// asked of the real `taskiq replay`.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../core/clock.ts";
import { type VerdictKind, verdictKinds } from "../../core/dead-letters/verdict.ts";
import { deadLetterAttributes } from "../../core/queue/dead-letter-note.ts";
import type { ExecutionState } from "../../core/step/step.ts";
import { fakeDagster, startGraphqlServer } from "../support/dagster/graphql-server.ts";
import { bodyFor, message } from "../support/sqs/messages.ts";
import { type Desk, openDesk, settle } from "../support/taskiq/operators-desk.ts";

/**
 * What brings about a verdict about a letter, which by default is buried, of a run that goes on,
 * and not in the ledger.
 */
interface Case {
  readonly runId?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly body?: string;
  /** Null: SQS itself moved it. */
  readonly reason?: string | null;
  readonly row?: ExecutionState | "running";
  readonly log?: string;
}

/** `unknown` is what all of them are that only Dagster knows: it has a test of its own. */
const cases: Readonly<Record<Exclude<VerdictKind, "unknown">, Case>> = {
  parked: { row: "parked" },
  moved: { reason: null },
  waiting: {},
  failure_reported: { log: "STEP_FAILURE" },
  run_over: { runId: "over-failed" },
  succeeded: { log: "STEP_SUCCESS" },
  retried: { log: "STEP_UP_FOR_RETRY" },
  run_succeeded: { runId: "over" },
  unsigned: { reason: "unsigned" },
  malformed: { body: "{}", reason: "malformed" },
  malformed_open: { fields: { version: 1, op_name: 7 }, reason: "malformed", row: "parked" },
  newer_version: { body: JSON.stringify({ version: 99 }), reason: null },
  other_body: { reason: "payload_mismatch" },
  not_sent: { reason: "not_open" },
  in_hand: { row: "running" },
  run_deleted: { runId: "no-such", fields: { instance: "here" } },
  other_instance: { runId: "no-such", fields: { instance: "elsewhere" } },
  no_such_run: { runId: "no-such", reason: "unknown_run" },
  contradiction: { row: "reported" },
};

async function lay(desk: Desk, kind: string, { runId = "run-1", fields = {}, body, ...given }: Case): Promise<void> {
  const { reason = "step_fault", row, log } = given;
  const laid = body ?? bodyFor(kind, { run_id: runId, ...fields });
  const why = { reason, detail: "d", errorClass: null, fingerprint: null, starts: 3, worker: "w" };
  const buried = { message: message(`sent-${kind}`), sourceUrl: "http://sqs/steps", buriedAtMs: 1_790_000_000_000 };
  const attributes = reason === null ? {} : deadLetterAttributes({ ...buried, reason: { ...why, reason } }).attributes;
  desk.deadLetters.send({ body: laid, groupId: null, deduplicationId: null, attributes });
  if (log !== undefined) desk.log({ runId, stepKey: kind }, log);
  if (row === undefined) return;
  if (row !== "running") await settle({ id: kind, body: bodyFor(kind, { run_id: runId }) }, desk.ledger, row);
  else {
    const step = { runId, stepKey: kind, attempt: 0 };
    const claim = {
      owner: "w",
      leaseMs: 600_000,
      messageId: "m",
      payloadDigest: "d",
      receivedAtMs: systemClock.wallMs(),
    };
    await desk.ledger.claim({ key: `${runId}:${kind}`, step, ...claim });
  }
}

interface Printed {
  readonly message_id: string;
  readonly verdict: VerdictKind;
  readonly words: string;
  readonly plan?: string;
  readonly kind?: string;
  readonly letters?: readonly string[];
}

async function ask(desk: Desk, ...args: readonly string[]): Promise<readonly Printed[]> {
  const { code, stdout, stderr } = await desk.start([...args, "--json"]).ended;
  assert.ok(code === 0 || code === 1, stderr);
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Printed);
}

async function deskOfAll(t: TestContext): Promise<{ readonly desk: Desk; readonly listed: readonly Printed[] }> {
  const desk = await openDesk(t, { fifo: false });
  for (const [kind, wanted] of Object.entries(cases)) await lay(desk, kind, wanted);
  return { desk, listed: await ask(desk, "inspect-dlq") };
}

const kindsOf = (printed: readonly Printed[]) => printed.map(({ verdict }) => verdict).sort();

test("each command does what a verdict names it for, and refuses the rest", async (t) => {
  const { desk, listed } = await deskOfAll(t);
  assert.deepEqual(kindsOf(listed), verdictKinds.filter((kind) => kind !== "unknown").toSorted());
  const saying = (pattern: RegExp) => kindsOf(listed.filter(({ words }) => pattern.test(words)));
  const planned = (printed: readonly Printed[], plan: string) => kindsOf(printed.filter((one) => one.plan === plan));
  const ids = listed.flatMap(({ message_id: id }) => ["--id", id]);

  assert.deepEqual(planned(await ask(desk, "replay"), "send"), saying(/(?<!do not )replay/), "replay");
  assert.deepEqual(planned(await ask(desk, "purge"), "purge"), saying(/safe to purge/), "purge");
  const named = planned(await ask(desk, "purge", ...ids), "purge");
  assert.deepEqual(
    saying(/purge/).filter((kind) => !named.includes(kind)),
    [],
    "purge, each named by its id",
  );
  assert.deepEqual(
    named.filter(
      (kind) => cases[kind as keyof typeof cases].row === "parked" || kind === "in_hand" || kind === "moved",
    ),
    [],
    "no run waits for what is deleted",
  );

  const { url } = await startGraphqlServer(
    t,
    fakeDagster({ "run-1": { status: "FAILURE" }, "over-failed": { status: "FAILURE" } }),
  );
  const launches = await ask(desk, "reexecute", "--dagster-url", url);
  assert.ok(
    launches.every(({ kind }) => kind === "to_launch"),
    JSON.stringify(launches),
  );
  const relaunched = launches.flatMap(({ letters }) => letters ?? []);
  const ofThese = listed.filter(({ message_id: id }) => relaunched.includes(id));
  assert.deepEqual(kindsOf(ofThese), saying(/re-execute/), "re-execute");

  const failed = await ask(desk, "fail");
  const open = listed.filter(({ message_id: id }) =>
    failed.some((one) => one.message_id === id && one.kind === "to_fail"),
  );
  const waits = saying(/fail it|run still waiting/);
  assert.deepEqual(kindsOf(open), waits, "fail");

  const file = join(desk.home, "dead.jsonl");
  await ask(desk, "inspect-dlq", "--reason", "malformed", "--export", file).catch(() => undefined);
  await desk.start(["inspect-dlq", "--reason", "malformed", "--export", file]).ended;
  const [...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
  const mended = lines.map((line) => {
    const read = JSON.parse(line);
    return JSON.stringify("body" in read ? { ...read, body: bodyFor(read.step_key ?? "mended") } : read);
  });
  writeFileSync(file, `${mended.join("\n")}\n`);
  const sent = await ask(desk, "replay", "--file", file, "--allow-edit");
  assert.deepEqual(
    sent.map(({ plan }) => plan),
    saying(/mend/).map(() => "send"),
    JSON.stringify(sent),
  );
});

test("malformed letters are purged by their reason, and by the beginning of an id that the table shows", async (t) => {
  const desk = await openDesk(t, { fifo: false });
  for (const kind of ["malformed", "malformed", "malformed_open", "waiting"] as const)
    await lay(desk, kind, cases[kind]);
  const [first] = await ask(desk, "inspect-dlq", "--reason", "malformed", "--limit", "1");
  assert.ok(first !== undefined);
  const yes = ["--yes", "--why", "a producer of another team"];
  const purge = async (...named: readonly string[]) => {
    const printed = await ask(desk, "purge", ...yes, ...named);
    return [kindsOf(printed.filter(({ plan }) => plan === "purge")), desk.deadLetters.inspect().length];
  };
  assert.deepEqual(await purge(), [[], 4], "unnamed, nothing is deleted");
  assert.deepEqual(await purge("--id", first.message_id.slice(0, 8)), [["malformed"], 3]);
  assert.deepEqual(await purge("--reason", "malformed"), [["malformed"], 2], "what a run waits for stays");
});

test("nothing is replayed or purged without Dagster where only Dagster knows the facts", async (t) => {
  const desk = await openDesk(t, { fifo: false });
  await lay(desk, "waiting", cases.waiting);
  const [letter] = await ask(desk, "inspect-dlq", "--no-dagster");
  assert.equal(letter?.words, "unknown: Dagster was not asked");
  const plans = await ask(desk, "purge", "--no-dagster", "--id", letter.message_id);
  assert.deepEqual(
    plans.map(({ plan }) => plan),
    ["refuse"],
  );
});
