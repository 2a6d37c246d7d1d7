// `npm start`: a whole deployment on this machine, and a real Dagster run through it. See `demo`
// for what happens in which order.
import { parseArgs } from "node:util";
import { demo } from "./start/demo.ts";
import { DemoFailed } from "./start/demo-failed.ts";
import { say, strong } from "./start/screen.ts";

const usage = `Usage: npm start [-- --keep]

Runs the sample job weather_report: a local SQS server, a taskiq worker and a
Dagster instance, all on this machine and gone at the end.

  --keep    leave it running, with the Dagster UI beside it, until Ctrl-C
  --help    this text`;

/**
 * Ends what runs; the first Ctrl-C lets the worker finish the steps it has, the second does not.
 */
const stopping = new AbortController();
const hurrying = new AbortController();

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) return hurrying.abort();
    say("\nStopping; Ctrl-C again to stop without waiting for steps");
    stopping.abort();
  });
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null) return 2;
  if (options.help) {
    say(usage);
    return 0;
  }
  try {
    await demo({ keep: options.keep, stopping: stopping.signal, hurrying: hurrying.signal });
    return 0;
  } catch (error) {
    if (stopping.signal.aborted) return 130;
    if (!(error instanceof DemoFailed)) throw error;
    process.stderr.write(`\n${strong("red", error.message)}\n${error.detail}`);
    return 1;
  }
}

function readOptions(args: readonly string[]): { keep: boolean; help: boolean } | null {
  try {
    const options = { keep: { type: "boolean" }, help: { type: "boolean", short: "h" } } as const;
    const { values } = parseArgs({ args: [...args], options });
    return { keep: values.keep === true, help: values.help === true };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}\n`);
    return null;
  }
}

process.exitCode = await main(process.argv.slice(2));
