// `taskiq inspect-dlq` without its ports: its configuration, and how letters read at several
// widths.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import stringWidth from "string-width";
import { inspectSetup } from "../../../../cli/inspect-dlq/inspect-dlq-config.ts";
import { coloursOf } from "../../../../cli/operator/letter-colours.ts";
import { letterDetails, letterTable } from "../../../../cli/operator/letter-texts.ts";
import { letterFilter } from "../../../../cli/options/letter-options.ts";
import { configure } from "../../../../cli/options/setup.ts";
import { widthOf } from "../../../../cli/terminal/terminal.ts";
import type { DeadLetter } from "../../../../core/dead-letters/letter.ts";
import type { JoinedLetter } from "../../../../core/dead-letters/verdict.ts";
import { verdictOf } from "../../../../core/dead-letters/verdict.ts";
import { span } from "../../../../core/formats/durations.ts";
import type { LedgerRow } from "../../../../core/ledger/port.ts";
import { result } from "../../../support/ports/scripted-steps.ts";
import { bodyFor } from "../../../support/sqs/messages.ts";
import { aLetter, buriedAtMs, moved } from "../../dead-letters/letters.ts";
import { Captured } from "../captured.ts";
import { enough, machine } from "../known-machine.ts";

const read = (argv: readonly string[], env = enough) => {
  const { problems, config } = configure(inspectSetup, argv, env, machine);
  return { problems, config: problems.length === 0 ? config() : null };
};
const queueAlone = { TASKIQ_QUEUE_NAME: "steps.fifo" };

describe("the configuration", () => {
  test("taskiq inspect-dlq asks Dagster and the ledger where they are configured, unless an option forbids it", () => {
    const { config } = read([]);
    assert.deepEqual(config?.dagster, { dagsterHome: "/dagster", python: "python3" });
    assert.deepEqual(config?.ledger, { kind: "sqlite", path: "/dagster/taskiq.sqlite" });
    const alone = read(["--no-dagster", "--no-ledger"], queueAlone).config;
    assert.deepEqual([alone?.dagster, alone?.ledger, alone?.dagsterMissing], [null, null, null]);
    const ledger = read(["--ledger-url", "sqlite:/l"], queueAlone).config;
    assert.deepEqual([ledger?.dagster, ledger?.dagsterMissing], [null, "there is no --dagster-home"]);
  });

  const wrong: readonly [readonly string[], typeof queueAlone | typeof enough, RegExp][] = [
    [["--group", "--show", "m1"], enough, /^only one of these can be given: --group, --show$/],
    [["--job", "j", "--no-dagster"], enough, /^--job needs Dagster, which --no-dagster leaves out/],
    [["--job", "j", "--no-ledger"], queueAlone, /^--job needs --dagster-home$/],
    [[], queueAlone, /nothing says where the ledger is; --no-ledger leaves the ledger out$/],
    [["--since", "yesterday"], enough, /^--since must be a duration such as 90m .*, got "yesterday"/],
    [["--since", "May"], enough, /^--since must be/],
    [["--limit", "0"], enough, /^--limit must be a whole number/],
    [["--reason", "Crash Loop"], enough, /^--reason must be a word/],
  ];
  for (const [argv, env, problem] of wrong) {
    test(`taskiq inspect-dlq ${argv.join(" ") || "without a ledger"} is refused`, () => {
      const { problems } = read(argv, env as typeof enough);
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? "", problem);
    });
  }

  test("taskiq inspect-dlq takes a time as an instant or as how long ago", () => {
    const which = read(["--since", "90m", "--older-than", "2026-01-31T08:00:00Z"]).config?.which ?? assert.fail();
    const { sinceMs, beforeMs } = letterFilter(which, 10_000_000);
    assert.deepEqual([sinceMs, beforeMs], [10_000_000 - 5_400_000, Date.UTC(2026, 0, 31, 8)]);
  });
});

function joined(letter: DeadLetter, known: Partial<JoinedLetter> = {}): JoinedLetter {
  const row = known.row ?? null;
  const standing = known.standing ?? {
    run: { status: "STARTED", job: "nightly", goesOn: true },
    ended: null,
    began: true,
  };
  const evidence = {
    body: letter.body,
    named: letter.step !== null,
    retryPlanned: false,
    sameInstance: null,
    unsigned: false,
  };
  const reason = letter.burial === null ? null : letter.reason;
  return { letter, row, standing, verdict: verdictOf({ ...evidence, row, standing, nowMs, reason }) };
}

const nowMs = buriedAtMs + 93_784_000;
const plain = (width: number) => ({ width, nowMs, colours: (_: unknown, text: string) => text });
const letters = [joined(aLetter("5f0c1a9e-1", { detail: "ValueError: no rain" })), joined(moved("7d0c1a9e-2"))];

describe("the table", () => {
  for (const width of [40, 60, 80, 120, 200]) {
    test(`the table of letters fits ${width} columns, with the verdict whole`, () => {
      const lines = letterTable(letters, plain(width)).split("\n");
      assert.ok(lines.every((line) => stringWidth(line) <= width));
      const at = lines[0]?.indexOf("VERDICT") ?? -1;
      const verdicts = lines.slice(1).flatMap((line) => line.slice(at).trim() || []);
      assert.equal(
        verdicts.join(" "),
        "run still waiting: replay run still waiting (SQS moved it): replay, or leave it to the sweep",
      );
    });
  }

  for (const width of [80, 100, 132]) {
    test(`the table of letters breaks no word at ${width} columns, and cuts only one that no column can hold`, () => {
      const long = "dynamic_outputs_recorded";
      const path = `/srv/${"deep/".repeat(20)}rain.csv`;
      const wide = [
        joined(
          aLetter("5f0c1a9e-1", {
            reason: long,
            detail: `ValueError: no ${path}`,
            body: bodyFor("transform[part_2026_01_31]"),
          }),
        ),
        joined(moved("7d0c1a9e-2")),
      ];
      const table = letterTable(wide, plain(width));
      const known = letterTable(wide, plain(Number.POSITIVE_INFINITY)).split(/\s+/);
      for (const word of table.split(/\s+/).filter((one) => one !== "")) {
        const cut = word.endsWith("…") && known.some((whole) => whole.startsWith(word.slice(0, -1)));
        assert.ok(known.includes(word) || cut, `${word} in\n${table}`);
      }
      assert.ok(table.includes("transform[part_2026_01_31]"), table);
    });
  }

  test("the table of letters says everything where there is room", () => {
    const [head = "", first = ""] = letterTable(letters, plain(Number.POSITIVE_INFINITY)).split("\n");
    const cells = (line: string) => line.split(/\s{2,}/);
    const titles = ["ID", "RUN", "JOB", "STEP", "REASON", "ERROR", "STARTS", "WORKER", "AGE", "EXPIRES", "VERDICT"];
    assert.deepEqual(cells(head), titles);
    assert.deepEqual(cells(first), [
      ...["5f0c1a9e", "run-1", "nightly", "load", "crash_loop", "ValueError: no rain"],
      ...["3", "worker-1", "1d 2h", "12d 21h", "run still waiting: replay"],
    ]);
  });

  test("the table of letters is coloured only on a terminal without NO_COLOR", () => {
    const terminal = new Captured({ isTTY: true });
    const coloured = (stream: Captured, env: Record<string, string>) => coloursOf(stream, env)("replay", "x") !== "x";
    assert.deepEqual(
      [coloured(terminal, {}), coloured(terminal, { NO_COLOR: "1" }), coloured(terminal, { TERM: "dumb" })],
      [true, false, false],
    );
    assert.equal(coloured(new Captured(), {}), false);
    const painted = letterTable(letters, { ...plain(60), colours: (act, text) => (text.trim() ? `<${act}>` : text) });
    assert.equal(painted.match(/<replay>/g)?.length, painted.split("\n").length - 2);
  });

  test("the table of letters has a limited width only on a terminal", () => {
    const terminal = Object.assign(new Captured({ isTTY: true }), { columns: 132 });
    assert.deepEqual(
      [widthOf(terminal, {}), widthOf(new Captured({ isTTY: true }), { COLUMNS: "99" }), widthOf(new Captured(), {})],
      [132, 99, Number.POSITIVE_INFINITY],
    );
  });
});

describe("one letter", () => {
  const error = { class: "ValueError", message: "no rain\u001b[2J", traceback: 'File "a.py", line 1, in load\n' };
  const row: LedgerRow = {
    ...{
      key: "run-1:load",
      step: { runId: "run-1", stepKey: "load", attempt: 0 },
      state: "dead",
      fence: 3,
      owner: "w-2",
    },
    ...{
      leaseExpiresAtMs: null,
      starts: 3,
      outcome: { ...result("parked"), error },
      payloadDigest: "",
      bodyBound: false,
      messageId: "m",
    },
    receivedAtMs: 0,
    updatedAtMs: 0,
    settledAtMs: 0,
  };

  test("a letter is shown whole, with its traceback and its body", () => {
    const text = letterDetails(joined(aLetter("m1"), { row }), plain(80));
    const facts = [
      "run still waiting (parked): replay\n",
      "key         run-1:load\n",
      "run         run-1, STARTED, job nightly\n",
      "worker      worker-1, after 3 starts\n",
      "dead since  2026-09-21T14:14:20.000Z, 1d 2h ago\n",
      "ledger      dead (parked), 3 starts, last by w-2\n",
      "event log   attempt is open: it began\n",
      "ValueError: no rain\\x1b[2J\n",
      'File "a.py", line 1, in load\n',
      '  "step_key": "load",\n',
    ];
    for (const fact of facts) assert.ok(text.includes(fact), `${fact} in\n${text}`);
  });
});

test("the age of a letter has two units at most, and one below an hour", () => {
  const spans = [-5, 0, 40_000, 150_000, 3_600_000, 5_400_000, 90_000_000, 86_400_000, 864_061_000];
  assert.deepEqual(spans.map(span), ["0s", "0s", "40s", "2m", "1h", "1h 30m", "1d 1h", "1d", "10d"]);
});
