// What libraries and Node itself print past the log: `console.…`, and warnings of the process.
// Between lines of JSON it is noise.

export type Hear = (text: string) => void;

const METHODS = ["debug", "info", "log", "warn", "error", "trace"] as const;
/** Node 22 says it of what we use, and we test that on every Node that we support. */
const EXPECTED = "SQLite is an experimental feature";

/** Warnings are shown as before, except the expected one. */
export function withoutExpectedWarnings(process: NodeJS.Process): void {
  const shown = process.listeners("warning");
  onWarning(process, (warning) => {
    for (const show of shown) show(warning);
  });
}

/** From then on `hear` gets all of it, each time as one text. */
export function hearStrayOutput(process: NodeJS.Process, console: Console, hear: Hear): void {
  for (const method of METHODS) console[method] = (...said: readonly unknown[]) => hear(said.map(String).join(" "));
  onWarning(process, ({ name, message }) => hear(`${name}: ${message}`));
}

function onWarning(process: NodeJS.Process, show: (warning: Error) => void): void {
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (!warning.message.startsWith(EXPECTED)) show(warning);
  });
}
