// `taskiq inspect-dlq`: lists the dead letters without harm, each with its verdict.
import { type Inspection, inspectDeadLetters } from "../../core/dead-letters/inspect.ts";
import { counted } from "../../core/formats/counted.ts";
import type { DeadLetterQueue } from "../../core/queue/port.ts";
import { defineCommand, type Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { mismatchText, remarksOn } from "../operator/look-remarks.ts";
import { askDagster, openDeadLetters } from "../operator/operator-ports.ts";
import type { OperatorPorts } from "../operator/wire-operator.ts";
import { withOperator } from "../operator/with-operator.ts";
import { LETTER_FLAGS, letterFilter } from "../options/letter-options.ts";
import { type Say, sayOn } from "../terminal/say.ts";
import { type InspectConfig, inspectSetup } from "./inspect-dlq-config.ts";
import { showLetters } from "./inspect-dlq-output.ts";

export const command = defineCommand({
  name: "inspect-dlq",
  setup: inspectSetup,
  examples: [
    "taskiq inspect-dlq --queue-name steps.fifo --group",
    'taskiq inspect-dlq --queue-name steps.fifo --since 2h --step "load*" --reason step_fault',
    "taskiq inspect-dlq --queue-name steps.fifo --show 5f0c1a9e",
    "taskiq inspect-dlq --queue-name steps.fifo --json | jq -r 'select(.act == \"replay\") | .message_id'",
    "taskiq inspect-dlq --queue-name steps.fifo --run 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 --export dead.jsonl",
  ],
  first: ["--group", "--json", "--show", "--export", ...LETTER_FLAGS, "--queue-url", "--queue-name", "--dagster-home"],
  no: "--show or a filter names something that no dead letter has, or the beginning of several; or the look was interrupted.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (config, io, warnings) => {
    const say = sayOn(io.stderr, "taskiq inspect-dlq");
    for (const warning of warnings) say(warning);
    const stopping = "stopping; giving back the letters";
    return await withOperator(config, io, { say, stopping }, (ports, quiet) => inspect(config, ports, io, say, quiet));
  },
});

async function inspect(
  config: InspectConfig,
  ports: OperatorPorts,
  io: Io,
  say: Say,
  quiet: AbortSignal,
): Promise<ExitCode> {
  const { clock } = ports;
  const letters = await openDeadLetters(ports.queue);
  if (config.dagsterMissing !== null) say(`Dagster is not asked: ${config.dagsterMissing}`);
  const dagster = ports.runner === null ? null : askDagster(ports.runner, quiet);
  const { envelopeKeys } = config;
  const { output } = config;
  const names = output.to === "details" ? [output.name] : [];
  const filter = { ...letterFilter(config.which, clock.wallMs()), names };
  const found = await inspectDeadLetters(
    { ...ports, envelopeKeys, letters, dagster },
    filter,
    config.which.limit,
    quiet,
  );
  if (found.looked > 0) say(whatLookingCost(found, letters));
  if (quiet.aborted) {
    say("interrupted: nothing is listed");
    return exitCodes.no;
  }
  if (found.looked > 0) say(`of these, ${found.letters.length} listed`);
  for (const remark of remarksOn(found)) say(remark);
  for (const mismatch of found.mismatches) say(mismatchText(mismatch, "--show"));
  await showLetters(output, found.letters, clock.wallMs(), io, say);
  return found.mismatches.length === 0 ? exitCodes.done : exitCodes.no;
}

function whatLookingCost({ looked }: Inspection, { url }: DeadLetterQueue): string {
  return `looked at ${counted(looked, "dead letter")} of ${url}: each counts one receive more now (two in a FIFO group that ended a page of ten), which moves nothing there, and was given back as it was found`;
}
