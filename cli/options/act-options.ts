// What the commands that act on dead letters share: which letters, whether it is done, who does it
// and why.
import { LETTER_FLAGS, letterOptions } from "./letter-options.ts";
import { reachOptions } from "./operator-options.ts";
import { onOff, optional, repeated } from "./option.ts";
import { text, wholeNumber } from "./values.ts";

export const ACT_GROUP = "What is done";
const WHICH = "Which dead letters (all conditions must hold; without any, all of them)";

export const actOptions = {
  yes: onOff({
    flag: "--yes",
    env: [],
    group: ACT_GROUP,
    help: "Carry out the plan. Without --yes, it is only shown.",
  }),
  why: optional({
    flag: "--why",
    env: [],
    group: ACT_GROUP,
    help: "The reason, in a sentence. The ledger keeps it with each letter. --yes needs it.",
    kind: text("<text>", "a text"),
  }),
  who: optional({
    flag: "--who",
    env: [],
    group: ACT_GROUP,
    help: "Your name. The ledger keeps it with each letter.",
    kind: text("<name>", "a name"),
    absent: "the user's name and this machine's",
  }),
  ids: repeated({
    flag: "--id",
    env: [],
    group: WHICH,
    help: "With this message id or key (run:step[:attempt]), or the beginning that the table shows. May be given several times.",
    kind: text("<id>", "a message id or a key, or the beginning of one"),
    separator: /\s+/,
  }),
  file: optional({
    flag: "--file",
    env: [],
    group: WHICH,
    help: "Those of this file, which inspect-dlq --export wrote.",
    kind: text("<file>", "a path"),
  }),
  json: onOff({ flag: "--json", env: [], group: "Output", help: "Print JSON: one object a line." }),
  ...letterOptions,
  ...reachOptions,
};

/** The option of a command that acts on one letter after the other; `verb` says how. */
export function rate(verb: "Send" | "Delete") {
  return optional({
    flag: "--rate",
    env: [],
    group: ACT_GROUP,
    help: `${verb} at most this many letters a second.`,
    kind: wholeNumber(1, 1_000),
    absent: "as fast as it goes",
  });
}

/** What the short help of such a command names, with the flags of its own. */
export function actFlags(...own: readonly string[]): readonly string[] {
  return ["--yes", "--why", ...own, "--id", "--file", ...LETTER_FLAGS, "--queue-url", "--queue-name", "--dagster-home"];
}
