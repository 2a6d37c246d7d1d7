// What the tables of the operators' commands show can be pasted back as it stands, and what is not
// there is an error that says what is.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { deadLetterAttributes } from "../../core/queue/dead-letter-note.ts";
import { bodyFor, message } from "../support/sqs/messages.ts";
import { type Desk, openDesk } from "../support/taskiq/operators-desk.ts";

const runs = [
  "7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11",
  "7f3c1f0e-9999-4d0b-9a57-0c5a3f1f7b11",
  "b1b2c3d4-5a86-4d0b-9a57-0c5a3f1f7b11",
];
const died = "the step process was killed by SIGKILL before it had an outcome";

async function deskWith(t: TestContext): Promise<Desk> {
  const desk = await openDesk(t, { fifo: false });
  for (const [i, [stepKey, reason]] of [
    ["load[part_3]", "step_fault"],
    ["transform[eu]", "step_fault"],
    ["clean", "crash_loop"],
  ].entries()) {
    const why = {
      reason,
      detail: died,
      errorClass: "StepProcessDied",
      fingerprint: "3f6a0c2b9d1e",
      starts: 3,
      worker: "worker-1",
    };
    const buried = { message: message(`sent-${i}`), sourceUrl: "http://sqs/steps", buriedAtMs: 1_790_000_000_000 };
    const { attributes } = deadLetterAttributes({ ...buried, reason: why as never });
    const body = bodyFor(stepKey ?? "", { run_id: runs[i], retry_count: i === 1 ? 2 : 0 });
    desk.deadLetters.send({ body, groupId: null, deduplicationId: null, attributes });
  }
  return desk;
}

/** The cells of a table without a terminal, whose columns are two blanks apart. */
function cellsOf(table: string): readonly Readonly<Record<string, string>>[] {
  const [head = "", ...rows] = table.trimEnd().split("\n");
  const titles = [...head.matchAll(/\S+/g)].map(({ 0: title, index }) => ({ title, index }));
  return rows.map((row) =>
    Object.fromEntries(
      titles.map(({ title, index }, i) => [title, row.slice(index, titles[i + 1]?.index).trim()] as const),
    ),
  );
}

test("each cell that a table shows chooses the letters that show it, in inspect-dlq and in replay", async (t) => {
  const desk = await deskWith(t);
  const listed = cellsOf((await desk.start(["inspect-dlq"]).ended).stdout);
  const [group] = cellsOf((await desk.start(["inspect-dlq", "--group"]).ended).stdout);
  const third = listed.find(({ STEP }) => STEP === "clean") ?? assert.fail("clean is listed");
  const second = listed.find(({ STEP }) => STEP === "transform[eu] #2") ?? assert.fail("transform is listed");
  const pasted: readonly (readonly [
    command: string,
    flag: string,
    cell: string | undefined,
    steps: readonly string[],
  ])[] = [
    ["inspect-dlq", "--show", third["ID"], ["clean"]],
    ["inspect-dlq", "--run", third["RUN"], ["clean"]],
    ["inspect-dlq", "--step", second["STEP"], ["transform[eu]"]],
    ["inspect-dlq", "--error", third["ERROR"], ["clean", "load[part_3]", "transform[eu]"]],
    ["inspect-dlq", "--step", group?.["STEPS"]?.split(", ")[0], ["load[part_3]"]],
    ["inspect-dlq", "--error", group?.["FINGERPRINT"], ["clean", "load[part_3]", "transform[eu]"]],
    ["replay", "--id", third["ID"], ["clean"]],
    ["replay", "--run", third["RUN"], ["clean"]],
    ["replay", "--reason", third["REASON"], ["clean"]],
    ["replay", "--job", third["JOB"], ["clean", "load[part_3]", "transform[eu]"]],
  ];
  for (const [command, flag, cell = "", steps] of pasted) {
    const { code, stdout, stderr } = await desk.start([command, "--json", flag, cell]).ended;
    const found = stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line).step_key);
    assert.deepEqual([code, found.sort()], [0, steps], `${command} ${flag} '${cell}': ${stderr}`);
  }
});

describe("a value that is not there, or is the beginning of several,", () => {
  const rows: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [
      ["inspect-dlq", "--reason", "crashloop"],
      /--reason crashloop: no dead letter has it; there are: step_fault \(2\), crash_loop\n/,
    ],
    [["inspect-dlq", "--step", "lod*"], /--step lod\*: no dead letter has it; there are: .*load\[part_3\]/],
    [["inspect-dlq", "--run", "deadbeef"], /--run deadbeef: no dead letter has it; there are: .*b1b2c3d4-/],
    [["inspect-dlq", "--job", "weekly"], /--job weekly: no dead letter has it; there are: job \(3\)\n/],
    [["inspect-dlq", "--show", "nobody"], /--show nobody: no dead letter has it; there are: /],
    [
      ["inspect-dlq", "--run", "7f3c1f0e"],
      /--run 7f3c1f0e is the beginning of several, give more of it: 7f3c1f0e-.*, 7f3c1f0e-/,
    ],
    [["replay", "--id", "nobody"], /--id nobody: no dead letter has it/],
    [
      ["replay", "--error", "OutOfMemory", "--yes", "--why", "w"],
      /--error OutOfMemory: no dead letter has it; there are: StepProcessDied \(3\)/,
    ],
    [["replay", "--run", "7f3c1f0e", "--yes", "--why", "w"], /--run 7f3c1f0e is the beginning of several/],
    [["fail", "--run", "7f3c1f0e", "--yes", "--why", "w"], /--run 7f3c1f0e is the beginning of several/],
  ];
  test("an unknown or ambiguous value is an error that says what there is, and nothing is done", async (t) => {
    const desk = await deskWith(t);
    for (const [args, says] of rows) {
      const { code, stdout, stderr } = await desk.start(args).ended;
      assert.deepEqual([code, stdout], [1, ""], `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, says);
    }
    assert.deepEqual(
      desk.deadLetters.inspect().map(({ state }) => state),
      ["visible", "visible", "visible"],
    );
    assert.equal(desk.source.inspect().length, 0);
  });

  test("an unknown value does not keep --id from replaying the others", async (t) => {
    const desk = await deskWith(t);
    const [first] = cellsOf((await desk.start(["inspect-dlq", "--run", "b1b2"]).ended).stdout);
    const { code, printed, stderr } = await desk.replay("--id", first?.["ID"] ?? "", "--id", "nobody");
    assert.deepEqual([code, printed.map(({ end }) => end)], [1, ["sent"]], stderr);
  });
});
