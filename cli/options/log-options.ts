// What a worker logs, and how.
import { setting } from "./option.ts";
import { choice, logLevel } from "./values.ts";

export const logOptions = {
  logLevel: setting({
    flag: "--log-level",
    env: ["LOG_LEVEL"],
    group: "Log",
    help: "The lowest level to log. Other names that Python and Node have for levels count, too: WARNING, critical, trace, 20.",
    kind: logLevel,
    shared: true,
    fallback: "info",
  }),
  logFormat: setting({
    flag: "--log-format",
    env: ["TASKIQ_LOG_FORMAT"],
    group: "Log",
    help: "auto is text on a terminal and json elsewhere.",
    kind: choice(["auto", "text", "json"]),
    fallback: "auto",
  }),
  stepOutput: setting({
    flag: "--step-output",
    env: ["TASKIQ_STEP_OUTPUT"],
    group: "Log",
    help: "Which lines of the steps' stdout and stderr are logged, too: errors is warnings and worse. A logger's record has its own level, any other line is info.",
    kind: choice(["all", "errors", "off"]),
    fallback: "all",
  }),
};
