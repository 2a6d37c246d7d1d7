// `taskiq explain`: why a step is not running, or what became of it, from what Dagster, the ledger,
// the queue and its dead letters say.
import { inForce, isQueueMeant } from "../../core/admission/quiet-requests.ts";
import { anyLetter } from "../../core/dead-letters/filter.ts";
import { type Inspection, inspectDeadLetters } from "../../core/dead-letters/inspect.ts";
import type { QueueState, RunEvidence, StepEvidence } from "../../core/explain/evidence.ts";
import type { RunFacts, StepRecord } from "../../core/explain/facts.ts";
import { explainRun, unknownRun } from "../../core/explain/run.ts";
import { explainStep } from "../../core/explain/step.ts";
import { counted } from "../../core/formats/counted.ts";
import { printableJson } from "../../core/formats/printable.ts";
import type { Ledger, LedgerRow } from "../../core/ledger/port.ts";
import { queueNameOf } from "../../core/queue/queue-place.ts";
import { idempotencyKey } from "../../core/step/step.ts";
import { defineCommand, type Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { remarksOn } from "../operator/look-remarks.ts";
import { askDagster } from "../operator/operator-ports.ts";
import type { OperatorPorts } from "../operator/wire-operator.ts";
import { withOperator } from "../operator/with-operator.ts";
import { didYouMean } from "../options/suggest.ts";
import { type Say, sayOn } from "../terminal/say.ts";
import { widthOf } from "../terminal/terminal.ts";
import { askRunFacts } from "../wiring/run-facts.ts";
import { type ExplainConfig, explainSetup } from "./explain-config.ts";
import { type Explained, explainedRecord, explainedText, type HistoryEntry } from "./explain-output.ts";

export const command = defineCommand({
  name: "explain",
  setup: explainSetup,
  examples: [
    "taskiq explain 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 --queue-name steps.fifo",
    "taskiq explain 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 load --queue-name steps.fifo",
    "taskiq explain 7f3c1f0e-5a86-4d0b-9a57-0c5a3f1f7b11 'shout[a]' --queue-name steps.fifo --json | jq -r .kind",
  ],
  first: ["--run", "--step", "--json", "--queue-url", "--queue-name", "--dagster-home"],
  no: "Dagster knows no such run, the run has no such step, or the command was interrupted.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (config, io, warnings) => {
    const say = sayOn(io.stderr, "taskiq explain");
    for (const warning of warnings) say(warning);
    const stopping = "stopping; giving back the dead letters that were looked at";
    return await withOperator(config, io, { say, stopping }, (ports, quiet) =>
      new Explaining(config, ports, io, say, quiet).explain(),
    );
  },
});

const ROWS_A_PAGE = 1_000;

class Explaining {
  readonly #config: ExplainConfig;
  readonly #ports: OperatorPorts;
  readonly #io: Io;
  readonly #say: Say;
  readonly #quiet: AbortSignal;

  constructor(config: ExplainConfig, ports: OperatorPorts, io: Io, say: Say, quiet: AbortSignal) {
    this.#config = config;
    this.#ports = ports;
    this.#io = io;
    this.#say = say;
    this.#quiet = quiet;
  }

  async explain(): Promise<ExitCode> {
    const { run, step, dagster } = this.#config;
    const facts = await askRunFacts(dagster, run, step, this.#io.env);
    if (this.#quiet.aborted) return exitCodes.no;
    if (facts.run === null) {
      const { url } = await this.#ports.queue.describe();
      const explanation = unknownRun(run, flagsOf(url));
      this.#print({ run, job: null, step, explanation, history: [], open: [] });
      return exitCodes.no;
    }
    const asked = facts.steps.find(({ key }) => key === step);
    if (step !== null && asked === undefined) {
      this.#say(noSuchStep(step, facts));
      return exitCodes.no;
    }
    const evidence = await this.#gather({ ...facts, run: facts.run });
    if (this.#quiet.aborted) {
      this.#say("interrupted: nothing is explained");
      return exitCodes.no;
    }
    this.#print(asked === undefined ? ofRun(evidence) : await this.#ofStep(evidence, asked));
    return exitCodes.done;
  }

  async #gather(facts: Known): Promise<Gathered> {
    const { ledger, clock } = this.#ports;
    const [queue, rows] = await Promise.all([this.#queueState(), rowsOf(facts.run.id, ledger)]);
    const letters = await this.#letters(facts);
    return {
      facts,
      shared: {
        run: facts.run,
        steps: new Map(facts.steps.map((one) => [one.key, one])),
        pools: facts.pools,
        queue,
        nowMs: clock.wallMs(),
      },
      rows,
      letters: Map.groupBy(letters, ({ letter }) => letter.key),
    };
  }

  async #queueState(): Promise<QueueState> {
    const { queue, ledger, clock } = this.#ports;
    const [{ url, fifo }, depth] = await Promise.all([queue.describe(), queue.depth()]);
    const name = queueNameOf(url);
    const requests = ledger === null ? [] : await ledger.quiet.requests();
    const quiet = inForce(requests).filter((one) => one.worker === null && isQueueMeant(one, name));
    const held = ledger === null ? [] : await ledger.list({ states: ["running", "permitted"], limit: ROWS_A_PAGE });
    const nowMs = clock.wallMs();
    const busy = held.filter(({ leaseExpiresAtMs }) => (leaseExpiresAtMs ?? 0) > nowMs);
    const busyWorkers = new Set(busy.map(({ owner }) => owner)).size;
    return { name, flags: flagsOf(url), fifo, depth, quiet, busyWorkers };
  }

  /** Looks only if a step is open and there are letters, because each look counts a receive. */
  async #letters(facts: Known): Promise<Inspection["letters"]> {
    const { queue, runner, clock, ledger } = this.#ports;
    if (facts.steps.every(({ ended }) => ended !== null)) return [];
    const letters = await queue.deadLetters();
    if (letters === null || letters.redrives || (await letters.depth()).visible === 0) return [];
    const dagster = runner === null ? null : askDagster(runner, this.#quiet);
    const filter = { ...anyLetter, runId: facts.run.id };
    const { envelopeKeys } = this.#config;
    const found = await inspectDeadLetters(
      { ledger, clock, envelopeKeys, letters, dagster },
      filter,
      null,
      this.#quiet,
    );
    this.#say(`looked at ${counted(found.looked, "dead letter")}: each counts one receive more now`);
    for (const remark of remarksOn(found)) this.#say(remark);
    return found.letters;
  }

  async #ofStep(gathered: Gathered, step: StepRecord): Promise<Explained> {
    const { facts } = gathered;
    const evidence = evidenceOf(gathered, step);
    const { ledger } = this.#ports;
    const history = [...dagsterHistory(step), ...ledgerHistory(evidence.row), ...letterHistory(evidence)];
    const reopened = evidence.row === null ? [] : ((await ledger?.reopenings(evidence.row.key)) ?? []);
    for (const { atMs, who, why } of reopened)
      history.push({ atMs, from: "ledger", text: `${who} reopened it: ${why}` });
    return {
      run: facts.run.id,
      job: facts.run.job,
      step: step.key,
      explanation: explainStep(evidence),
      history: history.filter(({ atMs }) => atMs <= evidence.nowMs).toSorted((a, b) => a.atMs - b.atMs),
      open: [],
    };
  }

  #print(explained: Explained): void {
    const { stdout, env } = this.#io;
    if (this.#config.json) stdout.write(`${printableJson(explainedRecord(explained))}\n`);
    else stdout.write(explainedText(explained, widthOf(stdout, env)));
  }
}

interface Known extends RunFacts {
  readonly run: NonNullable<RunFacts["run"]>;
}

interface Gathered {
  readonly facts: Known;
  /** The part of the evidence that all steps share. */
  readonly shared: RunEvidence;
  /** By idempotency key. */
  readonly rows: ReadonlyMap<string, LedgerRow>;
  /** By idempotency key. */
  readonly letters: ReadonlyMap<string | null, Inspection["letters"]>;
}

async function rowsOf(runId: string, ledger: Ledger | null): Promise<ReadonlyMap<string, LedgerRow>> {
  const rows = new Map<string, LedgerRow>();
  for (let page: readonly LedgerRow[] | null = null; ledger !== null && page?.length !== 0; ) {
    const afterKey = page?.at(-1)?.key;
    page = await ledger.list({ runId, limit: ROWS_A_PAGE, ...(afterKey === undefined ? {} : { afterKey }) });
    for (const row of page) rows.set(row.key, row);
  }
  return rows;
}

function ofRun(gathered: Gathered): Explained {
  const { facts, shared } = gathered;
  const explained = new Map(facts.steps.map((step) => [step.key, explainStep(evidenceOf(gathered, step))]));
  const open = [...explained].filter(([, { kind }]) => kind !== "ended");
  return {
    run: facts.run.id,
    job: facts.run.job,
    step: null,
    explanation: explainRun(shared, explained),
    history: [],
    open: open.map(([step, explanation]) => ({ step, explanation })),
  };
}

function evidenceOf({ shared, rows, letters }: Gathered, step: StepRecord): StepEvidence {
  const key = idempotencyKey({ runId: shared.run.id, stepKey: step.key, attempt: step.attempt });
  return { ...shared, step, row: rows.get(key) ?? null, letters: letters.get(key) ?? [] };
}

function dagsterHistory({ events }: StepRecord): HistoryEntry[] {
  return events.map(({ at, type, text }) => ({ atMs: at * 1_000, from: "Dagster", text: `${type} ${text}` }));
}

function ledgerHistory(row: LedgerRow | null): HistoryEntry[] {
  if (row === null) return [];
  const { owner, starts, state, messageId, receivedAtMs, settledAtMs, outcome } = row;
  const received = `worker ${owner} received message ${messageId} (${counted(starts, "start")} counted; now ${state})`;
  const settled = `it was settled as ${state} (${outcome?.state ?? "no outcome"})`;
  return [
    { atMs: receivedAtMs, from: "ledger", text: received },
    ...(settledAtMs === null ? [] : [{ atMs: settledAtMs, from: "ledger" as const, text: settled }]),
  ];
}

function letterHistory({ letters }: StepEvidence): HistoryEntry[] {
  return letters.map(({ letter, verdict }) => {
    const by = letter.burial === null ? "SQS moved it" : `worker ${letter.burial.worker} buried it`;
    return { atMs: letter.sinceMs, from: "dead letters", text: `${by} (${letter.reason}): ${verdict.words}` };
  });
}

function noSuchStep(step: string, { run, steps }: RunFacts): string {
  const keys = steps.map(({ key }) => key);
  const near = didYouMean(step, keys);
  const there = near === "" ? `; it has ${keys.slice(0, 10).join(", ")}${keys.length > 10 ? ", …" : ""}` : near;
  return `the run of job ${run?.job} has no step ${JSON.stringify(step)}${there}`;
}

function flagsOf(url: string): string {
  return `--queue-url ${url}`;
}
