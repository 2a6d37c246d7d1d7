// `taskiq doctor`: looks at everything that `taskiq run` needs, and says of each what was found and
// what to do. It changes nothing.
import { systemClock as clock } from "../../core/clock.ts";
import type { Command, Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { onOff, setting } from "../options/option.ts";
import type { Setting } from "../options/resolve.ts";
import { type Configured, configure, type Setup } from "../options/setup.ts";
import { duration } from "../options/values.ts";
import { FIRST_WORKER_FLAGS, workerOptions } from "../options/worker-options.ts";
import { wantsColour, widthOf } from "../terminal/terminal.ts";
import { openLedgerSchema } from "../wiring/ledger.ts";
import { ecsLaunchType } from "../worker/ecs-task.ts";
import { type WorkerConfig, workerSetup } from "../worker/worker-config.ts";
import { CHECK_NAMES, type Finding, fail, failed, ok, warn } from "./check.ts";
import { jsonOf, textOf } from "./doctor-output.ts";
import { checkHost } from "./host-checks.ts";
import { checkHome, checkLedger, checkStopTimeout, checkTemporary } from "./machine-checks.ts";
import { checkCredentials, checkPermissions, checkQueue, judgeClock } from "./queue-checks.ts";
import { type Patient, wireDoctor } from "./wire-doctor.ts";

const options = {
  ...workerOptions,
  timeoutMs: setting({
    flag: "--timeout",
    env: [],
    group: "Output",
    help: "How long each check may take. One of them imports your code.",
    kind: duration(1_000, 600_000),
    fallback: "60s",
  }),
  json: onOff({ flag: "--json", env: [], group: "Output", help: "Print one JSON object." }),
};

interface DoctorConfig {
  readonly run: WorkerConfig;
  readonly timeoutMs: number;
}

const doctorSetup: Setup<typeof options, DoctorConfig> = {
  options,
  rules: workerSetup.rules,
  config: (values, settings) => ({ run: workerSetup.config(values, settings), timeoutMs: values.timeoutMs }),
};

type Asked = Configured<typeof options, DoctorConfig>;

/** A configuration that is wrong is a finding like any other, so it is refused nowhere. */
export const command: Command = {
  name: "doctor",
  options,
  operands: [],
  examples: [
    "taskiq doctor --queue-name steps.fifo -m my_project.definitions",
    "TASKIQ_QUEUE_NAME=steps.fifo taskiq doctor --json",
  ],
  first: [...FIRST_WORKER_FLAGS, "--timeout", "--json"],
  no: "A check failed.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  prepare: (argv, env, machine) => {
    const asked = configure(doctorSetup, argv, env, machine);
    return {
      switched: asked.switched,
      settings: Object.values<Setting>(asked.settings),
      problems: [],
      warnings: asked.warnings,
      run: (io, warnings) => examine(asked, io, warnings),
    };
  },
};

async function examine(asked: Asked, io: Io, warnings: readonly string[]): Promise<ExitCode> {
  const findings = [
    ...asked.problems.map((problem) => fail("configuration", problem, "See taskiq doctor --help.")),
    ...warnings.map((warning) => warn("configuration", warning, "Correct it, or leave it out.")),
    checkTemporary(io.machine.tmpdir()),
    ...(asked.problems.length > 0 ? [] : await checksOf(asked.config(), io)),
  ];
  if (!findings.some(({ check }) => check === "configuration")) findings.push(ok("configuration", "makes sense"));
  const inOrder = findings.sort((a, b) => CHECK_NAMES.indexOf(a.check) - CHECK_NAMES.indexOf(b.check));
  const settings = Object.values<Setting>(asked.settings);
  const isJson = asked.settings.json.value === true;
  const width = Math.min(widthOf(io.stdout, io.env), WIDEST);
  io.stdout.write(
    isJson ? jsonOf(inOrder, settings) : textOf(inOrder, settings, width, wantsColour(io.stdout, io.env)),
  );
  return inOrder.some(({ level }) => level === "fail") ? exitCodes.no : exitCodes.done;
}

/** Lines longer than that are hard to read, and a file has no width. */
const WIDEST = 80;

async function checksOf({ run, timeoutMs }: DoctorConfig, io: Io): Promise<readonly Finding[]> {
  const machine = [checkHome(run.dagsterHome)];
  const asked = [
    checkLedger(() => openLedgerSchema(run.ledger, io.env), timeoutMs),
    ecsLaunchType(io.env).then((launch) => [
      checkStopTimeout(run.graceMs, (io.env["ECS_CONTAINER_METADATA_URI_V4"] ?? "") !== "", launch),
    ]),
    ...outside(run, timeoutMs, io),
  ];
  return [...machine, ...(await Promise.all(asked)).flat()];
}

/** The queues, and the step host. */
function outside(run: WorkerConfig, timeoutMs: number, io: Io): readonly Promise<readonly Finding[]>[] {
  let skewMs: number | null = null;
  const hearTime = (serverMs: number) => {
    skewMs = clock.wallMs() - serverMs;
  };
  let patient: Patient;
  try {
    patient = wireDoctor(run, io.env, hearTime);
  } catch (error) {
    return [Promise.resolve([failed("configuration", error)])];
  }
  const limits = { maxStarts: run.maxStarts, leaseMs: run.leaseMs };
  const ofQueues = async () => {
    const [first] = patient.queues;
    const found = await Promise.all([
      ...(first === undefined ? [] : [checkCredentials(first, timeoutMs)]),
      ...patient.queues.map((queue) => checkQueue(queue, limits, timeoutMs)),
      ...patient.queues.map((queue) => checkPermissions(queue, timeoutMs)),
    ]);
    await Promise.all(patient.queues.map(({ queue }) => queue.close()));
    return [...found.flat(), judgeClock(skewMs)];
  };
  return [ofQueues(), checkHost(patient, run.python, timeoutMs)];
}
