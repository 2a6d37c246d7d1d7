// `taskiq resume`: lifts requests of `taskiq quiet`, in the ledger or on this machine.

import { inForce } from "../../core/admission/quiet-requests.ts";
import type { QuietRecords, QuietTarget } from "../../core/ledger/quiet-records.ts";
import { defineCommand } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { askLocalWorker } from "../operator/local-quiet.ts";
import { operatorName } from "../operator/operator-name.ts";
import { targetText, withRequests } from "../operator/quiet-requests.ts";
import { type Say, sayOn } from "../terminal/say.ts";
import { resumeSetup } from "./resume-config.ts";

export const command = defineCommand({
  name: "resume",
  setup: resumeSetup,
  examples: [
    "taskiq resume --worker 8e3c1fd04b1b4fd8a3f0",
    "taskiq resume --queue bulk.fifo",
    "taskiq resume --everything",
    "taskiq resume --local",
  ],
  no: "No such request is in force; or with --local, another request keeps the worker quiet.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (config, io, warnings) => {
    const say = sayOn(io.stderr, "taskiq resume");
    for (const warning of warnings) say(warning);
    if (config.do === "local") return await askLocalWorker(config.request, io, say);
    const { ledger, target, who } = config;
    return await withRequests(ledger, io.env, (records) => resume(target, who ?? operatorName(io), records, say));
  },
});

async function resume(target: QuietTarget | null, who: string, records: QuietRecords, say: Say): Promise<ExitCode> {
  const before = await requestsInForce(records);
  const lifted: QuietTarget[] = [];
  for (const one of target === null ? before : [target]) if (await records.lift(one, who)) lifted.push(one);
  for (const one of lifted) say(`${targetText(one)} may take steps again; workers look every few seconds`);
  const left = await requestsInForce(records);
  const others = left.map((one) => `\n${targetText(one)}, asked by ${one.who}`).join("");
  if (lifted.length === 0) {
    say(target === null ? "no request is in force" : `no request names ${targetText(target)} and nothing else`);
  }
  if (left.length > 0) say(`still in force:${others}`);
  return lifted.length === 0 ? exitCodes.no : exitCodes.done;
}

async function requestsInForce(records: QuietRecords) {
  return inForce(await records.requests());
}
