// An operator's work and its stop: the first signal lets it finish what it began, the second ends
// it within a second.
import type { Io } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { listenForStop, withinStop } from "../signals.ts";
import type { Logger } from "../terminal/logger.ts";
import { closeAll } from "../worker/close-all.ts";
import type { OperatorPorts } from "./wire-operator.ts";

interface Surroundings {
  readonly ports: OperatorPorts;
  readonly io: Io;
  readonly logger: Logger;
  readonly say: (text: string) => void;
  /** What the command says at the first signal. */
  readonly stopping: string;
}

/** Closes the ports at the end. `quiet` aborts at the first signal. */
export async function stoppable(
  { ports, io, logger: { observe }, say, stopping }: Surroundings,
  work: (quiet: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { runner, ledger, queue, clock } = ports;
  const stop = listenForStop(io.signals, clock, observe);
  stop.quiet.addEventListener("abort", () => say(stopping));
  const all = async () => {
    try {
      return await work(stop.quiet);
    } finally {
      const host = runner === null ? null : { close: () => runner.stop() };
      await closeAll({ "step host": host, ledger, queue }, observe);
    }
  };
  try {
    const done = await withinStop(all(), stop, clock, () => null);
    if (done.inTime) return done.value;
    runner?.kill();
    say("ended at once: dead letters that it still held are visible again within their visibility timeout");
    return exitCodes.no;
  } finally {
    stop.close();
  }
}
