// One start of a command that acts on dead letters: it looks, says what it found, acts, and gives
// back what it held.
import { type Inspection, inspectDeadLetters } from "../../core/dead-letters/inspect.ts";
import { HeldLetters } from "../../core/dead-letters/replay/held.ts";
import { Fault } from "../../core/faults.ts";
import type { Ledger } from "../../core/ledger/port.ts";
import type { Observe } from "../../core/observe.ts";
import type { DeadLetterQueue, Message } from "../../core/queue/port.ts";
import type { Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { letterFilter } from "../options/letter-options.ts";
import { type Say, sayOn } from "../terminal/say.ts";
import type { ActConfig } from "./act-config.ts";
import { readLetterFile } from "./letter-file.ts";
import { mismatchText, remarksOn } from "./look-remarks.ts";
import { operatorName } from "./operator-name.ts";
import { askDagster, openDeadLetters } from "./operator-ports.ts";
import type { OperatorPorts } from "./wire-operator.ts";
import { withOperator } from "./with-operator.ts";

export interface LettersSession {
  readonly config: ActConfig;
  readonly ports: OperatorPorts;
  readonly ledger: Ledger;
  readonly letters: DeadLetterQueue;
  readonly held: HeldLetters;
  /** The operator, for the ledger and Dagster. */
  readonly who: string;
  readonly io: Io;
  readonly observe: Observe;
  readonly say: Say;
  readonly quiet: AbortSignal;
}

/** What one command does with the letters. */
export interface LettersWork {
  /** The command's name. */
  readonly name: string;
  /** What the command leaves alone when Dagster is not asked. */
  readonly without: string;
  /** Ids of the only messages that are meant. Absent: those that `--file` names, or any. */
  readonly ids?: ReadonlySet<string>;
  /** Returns the message as it is to be read. Absent: as it is. */
  mend?(message: Message): Message;
  act(found: Inspection, session: LettersSession): Promise<ExitCode>;
}

export async function withLetters(
  config: ActConfig,
  io: Io,
  warnings: readonly string[],
  work: LettersWork,
): Promise<ExitCode> {
  const say = sayOn(io.stderr, `taskiq ${work.name}`);
  for (const warning of warnings) say(warning);
  const ids = work.ids ?? (config.file === null ? null : await idsIn(config.file));
  const stopping = "stopping; finishing the letters that were begun, giving back the rest";
  return await withOperator(config, io, { say, stopping }, async (ports, quiet, observe) => {
    const { ledger, clock } = ports;
    if (ledger === null) throw noLedger(work.name);
    const letters = await openDeadLetters(ports.queue);
    const held = new HeldLetters(letters, clock);
    const who = config.who ?? operatorName(io);
    const session = { config, ports, ledger, letters, held, who, io, observe, say, quiet };
    try {
      return await lookAndAct(session, work, ids);
    } finally {
      await held.release();
    }
  });
}

async function lookAndAct(
  session: LettersSession,
  work: LettersWork,
  ids: ReadonlySet<string> | null,
): Promise<ExitCode> {
  const { config, say, quiet } = session;
  if (config.dagster === null) say(`Dagster is not asked, so what only it knows is unknown, and ${work.without}`);
  const found = await look(session, work, ids);
  if (quiet.aborted) {
    say("interrupted: nothing was done");
    return exitCodes.no;
  }
  for (const remark of remarksOn(found)) say(remark);
  for (const mismatch of found.mismatches) say(mismatchText(mismatch, "--id"));
  const missed = found.mismatches.length > 0;
  if (missed && found.letters.length === 0) return exitCodes.no;
  const code = await work.act(found, session);
  return missed && code === exitCodes.done ? exitCodes.no : code;
}

/** Holds what it finds until the session ends. */
async function look(
  { config, ports, letters, held, quiet }: LettersSession,
  work: LettersWork,
  ids: ReadonlySet<string> | null,
): Promise<Inspection> {
  const { envelopeKeys, which } = config;
  const dagster = ports.runner === null ? null : askDagster(ports.runner, quiet);
  const filter = { ...letterFilter(which, ports.clock.wallMs()), names: config.ids, ids };
  return await inspectDeadLetters({ ...ports, envelopeKeys, letters, dagster }, filter, which.limit, quiet, {
    keep: (message, hideMs) => held.add(message, hideMs),
    mended: (message) => work.mend?.(message) ?? message,
  });
}

/** The bodies in the file do not matter here, so it may have been edited. */
async function idsIn(path: string): Promise<ReadonlySet<string>> {
  return new Set((await readLetterFile(path)).bodies.keys());
}

function noLedger(name: string): Fault {
  return new Fault("TQ_CONFIG", `there is no ledger, in which taskiq ${name} writes down what it does`, {
    hint: "Name the workers' ledger: --ledger-url, --postgres-host or --dagster-home.",
  });
}
