// Every seed that ever broke a rule. `npm test` lives through all of them. A change of the model
// makes another world of a seed; what it showed has a test of its own, named here.
import type { Violation } from "./referee.ts";

export interface Known {
  readonly seed: number;
  readonly rule: Violation["rule"];
  readonly cause: string;
}

export const corpus: readonly Known[] = [
  {
    seed: 924_911,
    rule: "started_settled",
    cause:
      "a worker heard of its claim when the lease was over, and started the step (test/unit/delivery/lost.test.ts)",
  },
  {
    seed: 919_938,
    rule: "hang",
    cause:
      "a page of the sweep ended with a letter that hid the next of its group (test/unit/dead-letters/sweep/ending.test.ts)",
  },
  {
    seed: 31_001_033,
    rule: "hang",
    cause:
      "a page of the sweep ended with a letter that hid the next of its group (test/unit/dead-letters/sweep/ending.test.ts)",
  },
  {
    seed: 300_000_003,
    rule: "buried_unsettled",
    cause: "the referee did not know that a malformed message may go while another one's body runs",
  },
  {
    seed: 300_000_437,
    rule: "ledger_differs",
    cause: "the world ended before the sweep had looked after a malformed letter",
  },
  {
    seed: 700_000_670,
    rule: "acked_without_copy",
    cause: "the referee did not know that another message may prove an unknown run to be deleted",
  },
  {
    seed: 1_000_001_548,
    rule: "hang",
    cause: "the model, unlike find_attempt, let a RESOURCE_INIT_FAILURE end the attempt after its own as well",
  },
  {
    seed: 1_000_021_610,
    rule: "hang",
    cause:
      "a row was rebound to a second body when a lease ended, and then both were buried (test/unit/delivery/another-body.test.ts)",
  },
  {
    seed: 1_000_066_360,
    rule: "hang",
    cause:
      "a message that was not open was buried while its row kept its body, which refused the genuine one (test/unit/delivery/not-open.test.ts)",
  },
  {
    seed: 1_000_078_171,
    rule: "hang",
    cause: "the world ended, and its fleet with it, while a resumed run worker had a message yet to send",
  },
  {
    seed: 3_000_002_968,
    rule: "hang",
    cause:
      "a recorder that stood still wrote events behind the end of their attempt (python/tests/host/recorder/test_cut_off.py)",
  },
  {
    seed: 3_000_028_375,
    rule: "untold",
    cause: "a claim that was answered when its lease was over had no line in the log",
  },
  {
    seed: 3_000_042_516,
    rule: "started_settled",
    cause: "the referee did not know that a report may find its own claim settled by the COMMIT of a dead host",
  },
  {
    seed: 3_000_129_347,
    rule: "hang",
    cause: "a worker that had ended died once more, and its place got two others, one of which no deploy replaced",
  },
];
