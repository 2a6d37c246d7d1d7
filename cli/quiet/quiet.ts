// `taskiq quiet`: asks workers to take no new steps, through the ledger or on this machine. It may
// wait until they are idle, and lists the requests.

import { inForce } from "../../core/admission/quiet-requests.ts";
import { systemClock as clock } from "../../core/clock.ts";
import { printableJson } from "../../core/formats/printable.ts";
import type { QuietRecords } from "../../core/ledger/quiet-records.ts";
import { defineCommand, type Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { askLocalWorker } from "../operator/local-quiet.ts";
import { operatorName } from "../operator/operator-name.ts";
import { targetText, withRequests } from "../operator/quiet-requests.ts";
import { type Say, sayOn } from "../terminal/say.ts";
import { widthOf } from "../terminal/terminal.ts";
import { type AskConfig, type QuietConfig, quietSetup } from "./quiet-config.ts";
import { listRecord, listText } from "./quiet-output.ts";
import { waitUntilIdle } from "./wait-until-idle.ts";

export const command = defineCommand({
  name: "quiet",
  setup: quietSetup,
  examples: [
    'taskiq quiet --worker 8e3c1fd04b1b4fd8a3f0 --wait --max-time 2h --why "a new host"',
    'taskiq quiet --queue bulk.fifo --for 1h --why "the warehouse is full"',
    "taskiq quiet --everything",
    "taskiq quiet --local --wait --max-time 30m",
    "taskiq quiet --list",
  ],
  no: "With --wait: the time is over, or the request was lifted, before the workers were idle.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (config, io, warnings) => {
    const say = sayOn(io.stderr, "taskiq quiet");
    for (const warning of warnings) say(warning);
    if (config.do === "local") return await askLocalWorker(config.request, io, say);
    return await withRequests(config.ledger, io.env, (records) => quiet(config, records, io, say));
  },
});

type LedgerConfig = Extract<QuietConfig, { readonly do: "ask" | "list" }>;

async function quiet(config: LedgerConfig, records: QuietRecords, io: Io, say: Say): Promise<ExitCode> {
  const code = config.do === "list" ? exitCodes.done : await askWorkers(config.ask, records, io, say);
  if (config.do === "list" || config.json) await list(config.json, records, io, say);
  return code;
}

async function askWorkers(config: AskConfig, records: QuietRecords, io: Io, say: Say): Promise<ExitCode> {
  const { worker, queue, why, forMs } = config;
  const askedAtMs = clock.monoMs();
  const request = await records.ask({ worker, queue, who: config.who ?? operatorName(io), why, forMs });
  const until = request.untilMs === null ? "it is resumed" : new Date(request.untilMs).toISOString();
  say(`asked ${targetText(request)} to take no new steps until ${until}; workers look every few seconds`);
  if (!config.wait) return exitCodes.done;
  return await waitUntilIdle({ request, askedAtMs, maxMs: config.maxMs }, { records, clock, io, say });
}

async function list(json: boolean, records: QuietRecords, { stdout, env }: Io, say: Say): Promise<void> {
  const [requests, reports] = await Promise.all([records.requests(), records.reports()]);
  const asked = inForce(requests);
  if (json) stdout.write(`${printableJson(listRecord(asked, reports))}\n`);
  else stdout.write(listText(asked, reports, clock.wallMs(), widthOf(stdout, env)));
  if (asked.length === 0) say("no request is in force");
}
