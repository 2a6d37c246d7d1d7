// What one start of `taskiq replay` works with, whatever it does.
import type { HeldLetters } from "../../core/dead-letters/replay/held.ts";
import type { Ledger } from "../../core/ledger/port.ts";
import type { Observe } from "../../core/observe.ts";
import type { DeadLetterQueue } from "../../core/queue/port.ts";
import type { Io } from "../command.ts";
import type { OperatorPorts } from "../operator/wire-operator.ts";
import type { ReplayConfig } from "./replay-config.ts";

export interface ReplaySession {
  readonly config: ReplayConfig;
  readonly ports: OperatorPorts;
  readonly ledger: Ledger;
  readonly letters: DeadLetterQueue;
  readonly held: HeldLetters;
  /** The operator, for the ledger and Dagster. */
  readonly who: string;
  /** Ids of letters that a mended body would make another step's. */
  readonly misnamed: Set<string>;
  /** Ids of letters whose mended bodies cannot be signed. */
  readonly unsignable: Set<string>;
  readonly io: Io;
  readonly observe: Observe;
  readonly say: (text: string) => void;
  readonly quiet: AbortSignal;
}
