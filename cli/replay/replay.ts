// `taskiq replay`: puts dead letters back into their queue, or deletes those that are safe to purge. Shows only, unless --yes.
import { readFile } from "node:fs/promises";
import { type Inspection, inspectDeadLetters, type Keeping } from "../../core/dead-letters/inspect.ts";
import { HeldLetters } from "../../core/dead-letters/replay/held.ts";
import { mendLetter } from "../../core/dead-letters/replay/mend.ts";
import { readExport } from "../../core/dead-letters/replay/read-export.ts";
import { type PlannedLetter, planLetter } from "../../core/dead-letters/replay/replay-plan.ts";
import { Fault } from "../../core/faults.ts";
import { defineCommand } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { mismatchText, remarksOn } from "../operator/look-remarks.ts";
import { operatorName } from "../operator/operator-name.ts";
import { askDagster, openDeadLetters } from "../operator/operator-ports.ts";
import { stoppable } from "../operator/stoppable.ts";
import { wireOperator } from "../operator/wire-operator.ts";
import { letterFilter, letterFlags } from "../options/letter-options.ts";
import { createLogger } from "../terminal/logger.ts";
import { sayOn } from "../terminal/say.ts";
import { wantsColour } from "../terminal/terminal.ts";
import { actOn } from "./replay-act.ts";
import { type ReplayConfig, replaySetup } from "./replay-config.ts";
import { failFound, reexecuteFound } from "./replay-otherwise.ts";
import { replaySummary, showReplay } from "./replay-output.ts";
import type { ReplaySession } from "./replay-session.ts";

export const command = defineCommand({
  name: "replay",
  setup: replaySetup,
  examples: [
    "taskiq replay --queue-name steps.fifo --reason step_fault --since 2h",
    'taskiq replay --queue-name steps.fifo --run 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 --yes --why "the bucket is back"',
    'taskiq replay --queue-name steps.fifo --error OutOfMemory --rate 5 --yes --why "more memory"',
    'taskiq replay --queue-name steps.fifo --job nightly --canary 3 --wait --yes --why "try a few first"',
    'taskiq replay --queue-name steps.fifo --file dead.jsonl --allow-edit --yes --why "mended the tags"',
    'taskiq replay --queue-name steps.fifo --purge --yes --why "their runs are done"',
  ],
  first: [
    "--yes",
    "--why",
    "--purge",
    "--reexecute",
    "--fail",
    "--rate",
    "--canary",
    "--wait",
    "--id",
    "--file",
    ...letterFlags,
    "--queue-url",
    "--queue-name",
    "--dagster-home",
    "--dagster-url",
  ],
  no: "Something was refused, failed, is in doubt, or was not there.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (config, io, warnings) => {
    const say = sayOn(io.stderr, "taskiq replay");
    for (const warning of warnings) say(warning);
    const colour = wantsColour(io.stderr, io.env);
    const logger = createLogger({ stream: io.stderr, level: "warn", format: "text", worker: "operator", colour });
    const mended = await readFileGiven(config.file);
    const ports = await wireOperator(config, io.env, logger.observe);
    const stopping = "stopping; what was begun is finished, the rest given back";
    return await stoppable({ ports, io, logger, say, stopping }, async (quiet) => {
      const { ledger, clock } = ports;
      if (ledger === null) throw noLedger();
      const letters = await openDeadLetters(ports.queue);
      const held = new HeldLetters(letters, clock);
      try {
        return await replay(
          {
            config,
            ports,
            ledger,
            letters,
            held,
            who: config.who ?? operatorName(io),
            misnamed: new Set<string>(),
            unsignable: new Set<string>(),
            io,
            observe: logger.observe,
            say,
            quiet,
          },
          mended,
        );
      } finally {
        await held.release();
      }
    });
  },
});

type Bodies = ReadonlyMap<string, string>;

async function replay(session: ReplaySession, mended: Bodies | null): Promise<ExitCode> {
  const { config, say, quiet } = session;
  if (config.dagster === null)
    say("Dagster is not asked, so what only it knows is unknown, and nothing of that is replayed");
  const found = await look(session, mended);
  if (quiet.aborted) {
    say("interrupted: nothing was done");
    return exitCodes.no;
  }
  for (const remark of remarksOn(found)) say(remark);
  for (const mismatch of found.mismatches) say(mismatchText(mismatch, "--id"));
  const missed = found.mismatches.length > 0;
  if (missed && found.letters.length === 0) return exitCodes.no;
  const code = await dealWith(found, session);
  return missed && code === exitCodes.done ? exitCodes.no : code;
}

async function dealWith(found: Inspection, session: ReplaySession): Promise<ExitCode> {
  const { config, say, io } = session;
  if (config.otherwise?.do === "fail") return await failFound(found.letters, session);
  if (config.otherwise !== null) return await reexecuteFound(found.letters, config.otherwise.dagster, session);
  const plans = await planAll(session, found);
  if (!config.yes) {
    const shown = plans.map((planned) => ({ planned, end: null, outcome: null }));
    showReplay(shown, false, config.json, io);
    say(`${replaySummary(shown, false)}; nothing was done: --yes does it`);
    return exitCodes.done;
  }
  return await actOn(plans, session);
}

async function look(session: ReplaySession, mended: Bodies | null): Promise<Inspection> {
  const { config, ports, letters, held, quiet } = session;
  const { envelopeKeys } = config;
  // The operator vouches for what stands in the file: with the key, all of it is signed anew.
  const signingKey = config.file?.allowEdit === true ? (envelopeKeys[0] ?? null) : null;
  const dagster = ports.runner === null ? null : askDagster(ports.runner, quiet);
  const chosen = letterFilter(config.which, ports.clock.wallMs());
  const filter = { ...chosen, names: config.ids, ids: mended === null ? null : new Set(mended.keys()) };
  if (mended?.size === 0) throw new Fault("TQ_CONFIG", "--file: it holds no dead letter");
  const keeping: Keeping = {
    keep: (message, hideMs) => held.add(message, hideMs),
    mended: (message) => {
      const body = mended?.get(message.id);
      if (body === undefined) return message;
      const { message: mendedMessage, problem } = mendLetter(message, body, signingKey);
      if (problem !== null) session[problem].add(message.id);
      return mendedMessage;
    },
  };
  return await inspectDeadLetters(
    { ...ports, envelopeKeys, letters, dagster },
    filter,
    config.which.limit,
    quiet,
    keeping,
  );
}

async function planAll(
  { config, ports, ledger, held, misnamed, unsignable }: ReplaySession,
  found: Inspection,
): Promise<readonly PlannedLetter[]> {
  const { url: sourceUrl } = await ports.queue.describe();
  const byId = config.ids.length > 0 || config.file !== null;
  const purge = config.purge ? { byId, reason: config.which.reason } : null;
  const plans: PlannedLetter[] = [];
  for (const joined of found.letters) {
    const begun = await ledger.findReplay(joined.letter.message.id);
    plans.push(planLetter(joined, begun, { sourceUrl, misnamed, unsignable, purge }));
    await held.keep();
  }
  return plans;
}

/** Null when none is given. */
async function readFileGiven(file: ReplayConfig["file"]): Promise<Bodies | null> {
  if (file === null) return null;
  const text = await readFile(file.path, "utf8").catch((cause: unknown) => {
    throw new Fault("TQ_CONFIG", `--file: cannot read ${file.path}`, { cause });
  });
  const read = readExport(text);
  if ("problem" in read) throw new Fault("TQ_CONFIG", `--file: ${file.path} cannot be used: ${read.problem}`);
  if (file.allowEdit || (read.intact && read.edited.length === 0)) return read.bodies;
  const what = read.edited.length === 0 ? "it" : `the body of ${read.edited.join(", ")}`;
  throw new Fault("TQ_CONFIG", `--file: ${file.path} is not as it was exported: ${what} was changed`, {
    hint: "--allow-edit takes it as it stands.",
  });
}

function noLedger(): Fault {
  return new Fault("TQ_CONFIG", "there is no ledger, in which a replay is kept", {
    hint: "Name the workers' ledger: --ledger-url, --postgres-host or --dagster-home.",
  });
}
