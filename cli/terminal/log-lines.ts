// One observation as one line of log, for people or for machines. Pure. Field names are the wire's: `messageId` is `message_id`.
import type { Level, Observation } from "../../core/observe.ts";

export type Format = (observation: Observation, at: Date) => string;

const labels: Readonly<Record<Level, string>> = { debug: "DEBUG", info: "INFO ", warn: "WARN ", error: "ERROR" };

/** `2026-01-02T03:04:05.678Z INFO  step.claimed  claimed by …  key=… fence=3`. */
export function textLine(observation: Observation, at: Date): string {
  const { event, level, message, ...fields } = observation;
  const head = `${at.toISOString()} ${labels[level]}`;
  if (event === "step.output") return `${head} [${fields.key ?? "step"}] ${printable(message)}`;
  const tail = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [` ${snake(name)}=${bare(value)}`],
  );
  return `${head} ${event}  ${printable(message)}${tail.length === 0 ? "" : ` ${tail.join("")}`}`;
}

/** `also` stands in every line: who speaks. */
export function jsonLine(also: Readonly<Record<string, string>>): Format {
  return ({ event, level, message, ...fields }, at) => {
    const named = Object.entries(fields).map(([name, value]) => [snake(name), value] as const);
    return JSON.stringify({ time: at.toISOString(), level, event, message, ...Object.fromEntries(named), ...also });
  };
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function bare(value: string | number | boolean | null): string {
  if (typeof value !== "string") return String(value);
  return /^[^\s"=]+$/.test(value) ? printable(value) : JSON.stringify(value);
}

// Whatever a step prints must neither pass for a line of ours nor steer the terminal of whoever reads the log. Line ends within one
// message (stack traces) stay, indented.
function printable(text: string): string {
  return text
    .replace(/\r?\n/g, "\n    ")
    .replace(/[^\P{Cc}\t\n]/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
