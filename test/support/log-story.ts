// The story of each delivery, read from a worker's log alone: how its step ended, and what became
// of the message. The lines `step.settled` and `delivery.done`, which are at debug level, only say
// when to compare. Lines that an outage repeats are read, too, and are at debug level as well.

/** What of a line counts here. Fields are named as in the code. */
interface Line {
  readonly event: string;
  readonly [field: string]: unknown;
}

type ToldEnd = "acked" | "buried" | "released" | "lost";

interface Told {
  /** How the step ended. `null` means that no line has said so. */
  readonly state: string | null;
  readonly end: ToldEnd;
}

/**
 * What a line means for its delivery. The last such line counts: a step may end, and the copy of
 * its message fail.
 */
const ends: Readonly<Record<string, ToldEnd>> = {
  "step.ended": "acked",
  "step.run_deleted": "acked",
  "delivery.duplicate": "acked",
  "dead_letter.buried": "buried",
  "dead_letter.has_copy": "buried",
  "dead_letter.failed": "released",
  "delivery.released": "released",
  "delivery.release_failed": "released",
  "step.requeued": "released",
  "step.settled": "lost",
  "step.permit_refused": "lost",
  "lease.lost": "lost",
};

/** A message of which no line says more comes back when its visibility ends. */
const untouched: Told = { state: null, end: "released" };

export class LogStory {
  readonly #deliveries = new Map<string, Told>();

  /** Returns what the log has not said, or has said wrongly, by this line. `null` means nothing. */
  read(line: Line): string | null {
    const { event, messageId, receiveCount, state, answer, disposition } = line;
    const absent = absentFields(line);
    if (absent.length > 0) return `${event} lacks ${absent.join(", ")}`;
    const delivery = `${messageId} ${receiveCount}`;
    const told = this.#deliveries.get(delivery) ?? untouched;
    if (event === "step.settled" && answer === "recorded") return differs("the step's end", told.state, state);
    if (event === "delivery.done") {
      this.#deliveries.delete(delivery);
      return differs("the delivery's end", told.end, disposition);
    }
    const end = ends[event];
    if (end === undefined) return null;
    this.#deliveries.set(delivery, { end, state: stateOf(event, state) ?? told.state });
    return null;
  }
}

/** Of those that each line about a message has, and about a message that names a step. */
function absentFields(line: Line): readonly string[] {
  const required = [
    ...(line["messageId"] === undefined ? [] : ["receiveCount"]),
    ...(line["key"] === undefined ? [] : ["runId", "stepKey", "attempt"]),
  ];
  return required.filter((name) => line[name] === undefined);
}

function stateOf(event: string, state: unknown): string | null {
  if (event === "step.run_deleted") return "run_over";
  return event === "step.ended" ? String(state) : null;
}

function differs(what: string, told: string | null, is: unknown): string | null {
  return told === is ? null : `${what} is ${is}, and the log says ${told ?? "nothing"}`;
}
