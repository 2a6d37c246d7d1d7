// Which step an operator asks about. Both values may stand without their flags.
import { required } from "./option.ts";
import { text } from "./values.ts";

const GROUP = "What";

export const runChoice = required({
  flag: "--run",
  env: [],
  group: GROUP,
  help: "The run's id, whole. It may stand first, without the flag.",
  kind: text("<run id>", "the id of a run"),
});

/** Required by some commands, and optional for others. */
export const stepChoice = {
  flag: "--step",
  env: [],
  group: GROUP,
  help: "The step's key. It may stand second, without the flag.",
  kind: text("<step key>", "the key of a step"),
};
