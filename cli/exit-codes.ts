// What the process's exit code says. `healthcheck` alone knows only 0 and 1, because that is all a
// container health check knows.
import type { FaultCode } from "../core/faults.ts";

export const exitCodes = {
  /** Done. */
  done: 0,
  /** The work says no. */
  no: 1,
  /** Wrong usage or configuration: trying again will not help. */
  usage: 2,
  /** A dependency cannot be reached: trying again may help. */
  unreachable: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const faultExitCodes: Readonly<Record<FaultCode, ExitCode>> = {
  TQ_CONFIG: exitCodes.usage,
  TQ_QUEUE: exitCodes.unreachable,
  TQ_QUEUE_MISSING: exitCodes.usage,
  TQ_QUEUE_DENIED: exitCodes.unreachable,
  TQ_CREDENTIALS: exitCodes.unreachable,
  TQ_CREDENTIALS_REFUSED: exitCodes.unreachable,
  TQ_LEDGER: exitCodes.unreachable,
  TQ_LEDGER_SCHEMA: exitCodes.usage,
  TQ_LEDGER_ROW: exitCodes.usage,
  TQ_LEDGER_REFUSED: exitCodes.usage,
  TQ_HOST_START: exitCodes.unreachable,
  TQ_HOST_PROTOCOL: exitCodes.usage,
  TQ_HOST_LOST: exitCodes.unreachable,
  TQ_HEALTH_SERVER: exitCodes.usage,
  TQ_DAGSTER: exitCodes.unreachable,
  TQ_DAGSTER_UNREACHABLE: exitCodes.unreachable,
  TQ_DAGSTER_DENIED: exitCodes.unreachable,
};
