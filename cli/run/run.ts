// `taskiq run`: takes steps from the queue until it is stopped.
import { defineCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { FIRST_WORKER_FLAGS } from "../options/worker-options.ts";
import { createLogger } from "../terminal/logger.ts";
import { wantsColour } from "../terminal/terminal.ts";
import { named, runWorker } from "../worker/run-worker.ts";
import { workerSetup } from "../worker/worker-config.ts";

export const command = defineCommand({
  name: "run",
  setup: workerSetup,
  examples: [
    "taskiq run --queue-name steps.fifo -m my_project.definitions",
    "taskiq run --queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/steps.fifo --concurrency 8",
    "taskiq run --queue high.fifo --queue default.fifo:3 --queue bulk.fifo:1:max=2 -m my_project.definitions",
    "TASKIQ_QUEUE_NAME=steps.fifo TASKIQ_WORKER_CONCURRENCY=8 taskiq run -m my_project.definitions",
  ],
  first: FIRST_WORKER_FLAGS,
  no: "A bug in taskiq stopped the worker.",
  usageExit: exitCodes.usage,
  warnsOfVariables: true,
  run: async (given, io, warnings) => {
    const config = await named(given, io);
    const colour = wantsColour(io.stderr, io.env);
    const logger = createLogger({ ...config.log, stream: io.stderr, worker: config.workerId, colour });
    try {
      const { bug } = await runWorker(config, io, warnings, logger);
      return bug ? exitCodes.no : exitCodes.done;
    } finally {
      await logger.flush();
    }
  },
});
