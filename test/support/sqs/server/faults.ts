// Faults of the service and of the network, request by request: the next ones of an action by
// script, or any by a seeded die.
import type { Input } from "../../../../cli/dev/sqs-server/wire.ts";

export type ServerFault =
  /** A refusal without effect, in SQS's own words: `RequestThrottled`, `AccessDenied`, … */
  | { readonly kind: "refuse"; readonly code: string; readonly status?: number }
  /** An error that says nothing about whether the request had its effect. */
  | { readonly kind: "error"; readonly status: 500 | 502 | 503; readonly effect: "before" | "after" }
  /**
   * The connection is cut instead of an answer. With `before`, the request had no effect, and with
   * `after`, it had.
   */
  | { readonly kind: "cut"; readonly effect: "before" | "after" }
  /** The effect happens and the answer comes `ms` late. */
  | { readonly kind: "late"; readonly ms: number }
  /** Nothing happens until then, and then all that was asked for. */
  | { readonly kind: "held"; readonly until: Promise<unknown> }
  /** The effect happens; the answer's head comes, or not even that, and then nothing more. */
  | { readonly kind: "stall"; readonly at: "head" | "body" }
  /** Of a batch, the entries with these positions fail without effect. */
  | {
      readonly kind: "entries";
      readonly positions: readonly number[];
      readonly code: string;
      readonly senderFault: boolean;
    }
  /** Only of ReceiveMessage: messages are taken, and the answer is that there are none. */
  | { readonly kind: "swallow" };

/** Asked once for each request, in the order of their arrival. */
export type FaultSource = (action: string, input: Input) => ServerFault | null;

export class FaultScript {
  readonly #scripted = new Map<string, ServerFault[]>();
  #otherwise: FaultSource = () => null;

  /** The next requests of this action meet these faults, in turn. */
  next(action: string, ...faults: readonly ServerFault[]): void {
    this.#scripted.set(action, [...(this.#scripted.get(action) ?? []), ...faults]);
  }

  /** Whatever is not scripted is decided by `source`. */
  otherwise(source: FaultSource): void {
    this.#otherwise = source;
  }

  clear(): void {
    this.#scripted.clear();
    this.#otherwise = () => null;
  }

  readonly decide: FaultSource = (action, input) =>
    this.#scripted.get(action)?.shift() ?? this.#otherwise(action, input);
}

export interface SeededFault {
  readonly fault: ServerFault;
  /** 0 to 1, of the requests it applies to. */
  readonly chance: number;
  /** All actions when left out. */
  readonly actions?: readonly string[];
}

/** The same `random` sequence and the same requests give the same faults. */
export function seededFaults(random: () => number, table: readonly SeededFault[]): FaultSource {
  return (action) => {
    const applicable = table.filter(({ actions }) => actions === undefined || actions.includes(action));
    let roll = random();
    for (const { fault, chance } of applicable) {
      if (roll < chance) return fault;
      roll -= chance;
    }
    return null;
  };
}
