// What a preflight finds wrong with two queues, and what it says of it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeFinding } from "../../../core/preflight/findings.ts";
import { preflight } from "../../../core/preflight/preflight.ts";
import type { QueueAttributes, QueueSurvey, SurveyedDeadLetterQueue } from "../../../core/queue/port.ts";

const day = 86_400_000;
const settings = { maxStarts: 3, leaseMs: 60_000 };
const redrive = { target: "steps-dlq.fifo", maxReceiveCount: 10 };

/** As SQS makes queues, with one that it moves to. */
const sound: QueueAttributes = { fifo: true, retentionMs: 4 * day, delayMs: 0, largestBytes: 1_048_576, redrive: null };
const fit: QueueSurvey = {
  queue: { url: "http://q/steps.fifo", fifo: true, attributes: { ...sound, redrive } },
  deadLetter: {
    name: "steps-dlq.fifo",
    from: "redrive policy",
    queue: { url: "http://q/steps-dlq.fifo", fifo: true, attributes: sound },
  },
};

const source = (changes: Partial<QueueAttributes>, survey = fit): QueueSurvey => ({
  ...survey,
  queue: { ...survey.queue, attributes: { ...sound, redrive, ...changes } },
});
const letters = (changes: Partial<QueueAttributes>, survey = fit): QueueSurvey => ({
  ...survey,
  deadLetter: deadLetter({
    queue: { url: "http://q/steps-dlq.fifo", fifo: true, attributes: { ...sound, ...changes } },
  }),
});
const deadLetter = (changes: Partial<SurveyedDeadLetterQueue>): SurveyedDeadLetterQueue => ({
  name: "steps-dlq.fifo",
  from: "redrive policy",
  queue: { url: "http://q/steps-dlq.fifo", fifo: true, attributes: sound },
  ...changes,
});

/** Two standard queues that keep messages for so many days. */
const standard = (days: number, lettersDays: number): QueueSurvey => ({
  queue: {
    url: "http://q/steps",
    fifo: false,
    attributes: { ...sound, fifo: false, retentionMs: days * day, redrive: { target: "dlq", maxReceiveCount: 10 } },
  },
  deadLetter: {
    name: "dlq",
    from: "redrive policy",
    queue: { url: "http://q/dlq", fifo: false, attributes: { ...sound, fifo: false, retentionMs: lettersDays * day } },
  },
});

const rows: readonly (readonly [what: string, QueueSurvey, ...findings: string[]])[] = [
  ["two queues as they should be", fit],
  [
    "queues that do not state their attributes",
    letters(
      { retentionMs: null, largestBytes: null },
      source({ retentionMs: null, delayMs: null, largestBytes: null }),
    ),
  ],
  [
    "a queue of another type than its name",
    source({ fifo: false }),
    "refuse: queue http://q/steps.fifo is a standard queue, though its name says a FIFO queue; expected the name of a FIFO queue, and of no other, to end with .fifo. Check the queue's URL or name.",
  ],
  [
    "fewer receives than starts",
    source({ redrive: { target: "steps-dlq.fifo", maxReceiveCount: 2 } }),
    "refuse: queue http://q/steps.fifo has maxReceiveCount 2 for steps that may be started 3 times; expected at least 8: a step that a stopping worker or an outage gives back has cost a receive, too. Raise maxReceiveCount in its redrive policy, or lower --max-starts.",
  ],
  [
    "no receives to spare",
    source({ redrive: { target: "steps-dlq.fifo", maxReceiveCount: 7 } }),
    "warn: queue http://q/steps.fifo has maxReceiveCount 7 for steps that may be started 3 times; expected at least 8: a step that a stopping worker or an outage gives back has cost a receive, too. Raise maxReceiveCount in its redrive policy, or lower --max-starts.",
  ],
  ["just enough receives", source({ redrive: { target: "steps-dlq.fifo", maxReceiveCount: 8 } })],
  [
    "a retention shorter than two leases",
    source({ retentionMs: 120_000 }),
    "refuse: queue http://q/steps.fifo keeps messages for 2 min; expected more than twice the visibility timeout of 1 min: the step of a worker that died would never come back. Raise its MessageRetentionPeriod; 14 d is the most.",
  ],
  [
    "a retention of hours",
    source({ retentionMs: 5_400_000 }),
    "warn: queue http://q/steps.fifo keeps messages for 90 min; expected at least 1 d, because SQS deletes a step that waits or runs for longer, and its run waits forever if its worker dies. Raise its MessageRetentionPeriod; 14 d is the most.",
  ],
  [
    "a delay",
    source({ delayMs: 45_000 }),
    "warn: queue http://q/steps.fifo delays every message by 45 s; expected no delay: every step starts that much later. Set its DelaySeconds to 0.",
  ],
  [
    "no dead letter queue",
    { ...source({ redrive: null }), deadLetter: null },
    "warn: queue http://q/steps.fifo has no dead letter queue; expected one: messages that cannot be run come back until their retention ends. Give it a redrive policy, or name the dead letter queue with --dlq-url or --dlq-name.",
  ],
  [
    "a queue that must not be looked at, and no dead letter queue named",
    { queue: { ...fit.queue, attributes: null }, deadLetter: null },
    "refuse: queue http://q/steps.fifo does not let these credentials read its attributes, and no dead letter queue is named; expected either, to know where messages go that cannot be run. Allow sqs:GetQueueAttributes, or name the dead letter queue with --dlq-url or --dlq-name.",
  ],
  [
    "a queue that must not be looked at",
    { queue: { ...fit.queue, attributes: null }, deadLetter: deadLetter({ from: "option" }) },
    "warn: queue http://q/steps.fifo does not let these credentials read its attributes; expected to be checked before the first receive. Allow sqs:GetQueueAttributes on it.",
  ],
  [
    "a dead letter queue that does not exist",
    { ...fit, deadLetter: deadLetter({ queue: null }) },
    "refuse: queue steps-dlq.fifo does not exist, but is the dead letter queue by the queue's redrive policy; expected a queue that messages can be copied to. Create it, or correct what names it.",
  ],
  [
    "a queue that is its own dead letter queue",
    { ...fit, deadLetter: deadLetter({ from: "option", queue: fit.queue }) },
    "refuse: queue http://q/steps.fifo is its own dead letter queue; expected another one, because a message that cannot be run would come back forever. Name another queue.",
  ],
  [
    "a dead letter queue of the other type",
    { ...standard(3, 5), deadLetter: { ...deadLetter({}), name: "dlq" } },
    "refuse: queue http://q/steps-dlq.fifo is a FIFO queue, but the dead letter queue of a standard queue; expected both to be of one type. Name another dead letter queue.",
  ],
  [
    "a dead letter queue that must not be looked at",
    { ...fit, deadLetter: deadLetter({ queue: { url: "http://q/steps-dlq.fifo", fifo: true, attributes: null } }) },
    "warn: queue http://q/steps-dlq.fifo does not let these credentials read its attributes; expected to be checked before the first message is buried in it. Allow sqs:GetQueueAttributes on it; a worker needs sqs:SendMessage.",
  ],
  [
    "standard queues that keep messages equally long",
    standard(4, 4),
    "warn: queue http://q/dlq keeps dead letters for 4 d; expected more than the 4 d of the queue itself: messages that SQS moves there have aged in the queue already. Raise its MessageRetentionPeriod; 14 d is the most.",
  ],
  ["standard queues of which the second keeps them longer", standard(4, 5)],
  ["standard queues that keep messages as long as SQS can", standard(14, 14)],
  ["FIFO queues that keep messages equally long: SQS starts the time again", letters({ retentionMs: day })],
  [
    "a FIFO dead letter queue that keeps them for an hour",
    letters({ retentionMs: 3_600_000 }),
    "warn: queue http://q/steps-dlq.fifo keeps dead letters for 1 h; expected at least 1 d, so that an operator can look at them. Raise its MessageRetentionPeriod; 14 d is the most.",
  ],
  [
    "a dead letter queue that takes less",
    letters({ largestBytes: 262_144 }),
    "warn: queue http://q/steps-dlq.fifo takes messages of up to 262144 bytes; expected the 1048576 of the queue itself: a larger step could not be buried. Raise its MaximumMessageSize.",
  ],
  [
    "a dead letter queue with one of its own",
    letters({ redrive: { target: "third.fifo", maxReceiveCount: 3 } }),
    "warn: queue http://q/steps-dlq.fifo has a redrive policy of its own; expected none on a dead letter queue: looking at a dead letter is a receive, and some later look moves it away. Remove its redrive policy.",
  ],
  [
    "two dead letter queues",
    source(
      { redrive: { target: "other.fifo", maxReceiveCount: 10 } },
      { ...fit, deadLetter: deadLetter({ from: "option" }) },
    ),
    "warn: queue http://q/steps.fifo has SQS move messages to other.fifo, while this worker buries in steps-dlq.fifo; expected one dead letter queue, because the other would stay unread. Leave out --dlq-url and --dlq-name, or change its redrive policy.",
  ],
  ["the same dead letter queue by option", { ...fit, deadLetter: deadLetter({ from: "option" }) }],
];

describe("a preflight finds", () => {
  for (const [what, survey, ...expected] of rows) {
    test(`a preflight finds ${expected.length === 0 ? "nothing wrong with " : ""}${what}`, () => {
      const findings = preflight(survey, settings);
      assert.deepEqual(
        findings.map((finding) => `${finding.severity}: ${describeFinding(finding)}`),
        expected,
      );
    });
  }

  test("a preflight finds everything at once, and says first what must be mended", () => {
    const survey = letters({ retentionMs: 3_600_000 }, source({ delayMs: 1_000, retentionMs: 60_000 }));
    const findings = preflight(survey, { ...settings, maxStarts: 20 });
    assert.deepEqual(
      findings.map(({ severity, queue }) => [severity, queue]),
      [
        ["refuse", "http://q/steps.fifo"],
        ["refuse", "http://q/steps.fifo"],
        ["warn", "http://q/steps.fifo"],
        ["warn", "http://q/steps-dlq.fifo"],
      ],
    );
  });
});
