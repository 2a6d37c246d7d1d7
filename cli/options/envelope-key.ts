// The key that run workers sign messages with, for every command that reads some.
import { repeated } from "./option.ts";
import { text } from "./values.ts";

// Without dashes no argument can be it, as with the ledger's password.
export const envelopeKeys = repeated({
  flag: "TASKIQ_ENVELOPE_KEY",
  env: ["TASKIQ_ENVELOPE_KEY"],
  group: "Queue",
  help: "Key with which run workers sign messages, only as a variable. With it, unsigned messages are buried. Separate several by commas while keys change: any of them may have signed.",
  kind: text("<key>", "keys of 32 to 1024 printable characters, separated by commas", /^[!-+\--~]{32,1024}$/),
  separator: /[\s,]+/,
  secret: true,
});
