// `taskiq replay`: puts dead letters back into their queue. Shows only, unless --yes.
import { mendLetter } from "../../core/dead-letters/replay/mend.ts";
import { Fault } from "../../core/faults.ts";
import type { Message } from "../../core/queue/port.ts";
import { defineCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { readLetterFile } from "../operator/letter-file.ts";
import { withLetters } from "../operator/letters-session.ts";
import { planAndAct } from "../operator/plan-and-act.ts";
import { actFlags } from "../options/act-options.ts";
import { type ReplayConfig, replaySetup } from "./replay-config.ts";

export const command = defineCommand({
  name: "replay",
  setup: replaySetup,
  examples: [
    "taskiq replay --queue-name steps.fifo --reason step_fault --since 2h",
    'taskiq replay --queue-name steps.fifo --run 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 --yes --why "the bucket is back"',
    'taskiq replay --queue-name steps.fifo --error OutOfMemory --rate 5 --yes --why "more memory"',
    'taskiq replay --queue-name steps.fifo --job nightly --canary 3 --wait --yes --why "try a few first"',
    'taskiq replay --queue-name steps.fifo --file dead.jsonl --allow-edit --yes --why "mended the tags"',
  ],
  first: actFlags("--rate", "--canary", "--wait"),
  no: "Something was refused, failed, is in doubt, or was not there.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (config, io, warnings) => {
    const bodies = await bodiesIn(config);
    const mending = new Mending(bodies ?? new Map(), config);
    return await withLetters(config, io, warnings, {
      name: "replay",
      without: "nothing of that is replayed",
      ...(bodies === null ? {} : { ids: new Set(bodies.keys()) }),
      mend: (message) => mending.mend(message),
      act: (found, session) => planAndAct(found, { ...mending.problems, purge: null }, config.pace, session),
    });
  },
});

type Bodies = ReadonlyMap<string, string>;

/** Replaces the bodies of letters by those of the file. */
class Mending {
  /**
   * Ids of letters that a mended body would make another step's, and of those whose mended body
   * cannot be signed.
   */
  readonly problems = { misnamed: new Set<string>(), unsignable: new Set<string>() };
  readonly #bodies: Bodies;
  /**
   * The operator vouches for what stands in an edited file: with a key, all of it is signed again.
   */
  readonly #signingKey: string | null;

  constructor(bodies: Bodies, { allowEdit, envelopeKeys }: ReplayConfig) {
    this.#bodies = bodies;
    this.#signingKey = allowEdit ? (envelopeKeys[0] ?? null) : null;
  }

  mend(message: Message): Message {
    const body = this.#bodies.get(message.id);
    if (body === undefined) return message;
    const { message: mended, problem } = mendLetter(message, body, this.#signingKey);
    if (problem !== null) this.problems[problem].add(message.id);
    return mended;
  }
}

/** `null` means that no file is given. */
async function bodiesIn({ file, allowEdit }: ReplayConfig): Promise<Bodies | null> {
  if (file === null) return null;
  const { bodies, intact, edited } = await readLetterFile(file);
  if (allowEdit || (intact && edited.length === 0)) return bodies;
  const what = edited.length === 0 ? "it" : `the body of ${edited.join(", ")}`;
  throw new Fault("TQ_CONFIG", `--file: ${file} is not as it was exported: ${what} was changed`, {
    hint: "--allow-edit takes it as it stands.",
  });
}
