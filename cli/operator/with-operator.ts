// How an operator's command begins and ends: a log for warnings, the ports, and a stop in stages.
import type { Observe } from "../../core/observe.ts";
import type { Io } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { createLogger } from "../terminal/logger.ts";
import type { Say } from "../terminal/say.ts";
import { wantsColour } from "../terminal/terminal.ts";
import type { OperatorConfig } from "./operator-config.ts";
import { stoppable } from "./stoppable.ts";
import { type OperatorPorts, wireOperator } from "./wire-operator.ts";

interface Words {
  readonly say: Say;
  /** What the command says at the first signal. */
  readonly stopping: string;
}

/** `quiet` aborts at the first signal. Closes the ports at the end. Rejects with a `Fault`. */
export async function withOperator(
  config: OperatorConfig,
  io: Io,
  words: Words,
  work: (ports: OperatorPorts, quiet: AbortSignal, observe: Observe) => Promise<ExitCode>,
): Promise<ExitCode> {
  const colour = wantsColour(io.stderr, io.env);
  const logger = createLogger({ stream: io.stderr, level: "warn", format: "text", worker: "operator", colour });
  const ports = await wireOperator(config, io.env, logger.observe);
  return await stoppable({ ports, io, logger, ...words }, (quiet) => work(ports, quiet, logger.observe));
}
