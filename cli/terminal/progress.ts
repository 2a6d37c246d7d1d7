// How far a command has come: a bar on a terminal, a line now and then elsewhere.
import { Writable } from "node:stream";
import stringWidth from "string-width";
import type { Clock } from "../../core/clock.ts";
import { span } from "../../core/formats/durations.ts";
import { printableLine } from "../../core/formats/printable.ts";
import type { Env } from "../options/resolve.ts";
import { wantsColour, widthOf } from "./terminal.ts";

export interface Progress {
  readonly done: number;
  /** `null` while it is not known. */
  readonly total: number | null;
  /** The total is SQS's, which only ever counts approximately. */
  readonly approximate: boolean;
  /** Said after the figures; may be empty. */
  readonly note: string;
}

type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface ProgressPlace {
  readonly stream: Terminal;
  readonly env: Env;
  readonly clock: Pick<Clock, "monoMs">;
  /** Prints one line where there is no bar, at most every `everyMs`. */
  readonly say: (text: string) => void;
  /** Absent: 30 s. */
  readonly everyMs?: number;
}

const ERASE = "\r\u001b[K";
const BAR_COLUMNS = 24;
/** Faster changes cannot be read. */
const REDRAW_MS = 100;
const SAY_MS = 30_000;

export class ProgressView {
  /** Everything else for the same terminal is written here, so that the bar stays below it. */
  readonly stream: Terminal;
  readonly #place: ProgressPlace;
  readonly #drawn: boolean;
  readonly #pace = new Pace();
  readonly #estimate = new Estimate();
  #line = "";
  #shownAtMs = Number.NEGATIVE_INFINITY;

  constructor(place: ProgressPlace) {
    this.#place = place;
    this.#drawn = place.stream.isTTY === true && place.env["TERM"] !== "dumb";
    this.stream = this.#drawn ? this.#above() : place.stream;
  }

  show(progress: Progress): void {
    const { clock, say, everyMs = SAY_MS, stream, env } = this.#place;
    const nowMs = clock.monoMs();
    const perSecond = this.#pace.at(nowMs, progress.done);
    const leftMs = this.#estimate.at(nowMs, progress, perSecond);
    if (nowMs - this.#shownAtMs < (this.#drawn ? REDRAW_MS : everyMs)) return;
    this.#shownAtMs = nowMs;
    const text = printableLine(progressText(progress, perSecond, leftMs));
    if (this.#drawn) {
      this.#line = progressBar(progress, text, widthOf(stream, env), wantsColour(stream, env));
      stream.write(`${ERASE}${this.#line}`);
    } else say(text);
  }

  /** Takes the bar away; what it showed last is for the caller to sum up. */
  end(): void {
    if (this.#line !== "") this.#place.stream.write(ERASE);
    this.#line = "";
  }

  #above(): Terminal {
    const { stream } = this.#place;
    const write = (chunk: unknown, _encoding: string, done: () => void) =>
      void stream.write(this.#line === "" ? String(chunk) : `${ERASE}${chunk}${this.#line}`, () => done());
    return Object.assign(new Writable({ decodeStrings: false, write }), { isTTY: true });
  }
}

/** Of the last minute, so that an estimate follows what changes. */
const PACE_WINDOW_MS = 60_000;

export class Pace {
  readonly #seen: { readonly atMs: number; readonly done: number }[] = [];

  /** Per second. `null` while too little is known. */
  at(atMs: number, done: number): number | null {
    this.#seen.push({ atMs, done });
    while ((this.#seen[1]?.atMs ?? atMs) <= atMs - PACE_WINDOW_MS) this.#seen.shift();
    const first = this.#seen[0];
    if (first === undefined || atMs - first.atMs < 1_000) return null;
    return ((done - first.done) * 1_000) / (atMs - first.atMs);
  }
}

/**
 * How long it still takes. The end never moves away but for new work: a pace falls by itself while
 * long steps run.
 */
export class Estimate {
  #endMs = Number.POSITIVE_INFINITY;
  #total = 0;

  /** `null` while too little is known, and once the estimated end is over. */
  at(atMs: number, { done, total }: Progress, perSecond: number | null): number | null {
    if (total === null || total > this.#total) this.#endMs = Number.POSITIVE_INFINITY;
    this.#total = total ?? 0;
    if (total === null || done >= total) return null;
    if (perSecond !== null && perSecond > 0)
      this.#endMs = Math.min(this.#endMs, atMs + ((total - done) * 1_000) / perSecond);
    const leftMs = this.#endMs - atMs;
    return Number.isFinite(leftMs) && leftMs > 0 ? leftMs : null;
  }
}

/** `120 of ~200 (60 %), 3.4/s, about 24s left, 2 failed`. */
export function progressText(
  { done, total, approximate, note }: Progress,
  perSecond: number | null,
  leftMs: number | null,
): string {
  const about = approximate ? "~" : "";
  const parts = [
    total === null ? `${done} done` : `${done} of ${about}${total} (${percent(done, total)} %)`,
    ...(perSecond === null ? [] : [`${perSecond.toFixed(1)}/s`]),
    ...(leftMs === null ? [] : [`about ${span(leftMs)} left`]),
    ...(note === "" ? [] : [note]),
  ];
  return parts.join(", ");
}

/** At most one column short of `width`: a full line would wrap. */
export function progressBar({ done, total }: Progress, text: string, width: number, colour: boolean): string {
  const filled = total === null ? 0 : Math.floor((BAR_COLUMNS * percent(done, total)) / 100);
  const full = "#".repeat(filled);
  const bar = `[${colour ? `\u001b[32m${full}\u001b[39m` : full}${"-".repeat(BAR_COLUMNS - filled)}] `;
  const room = width - 1;
  const barred = BAR_COLUMNS + 3 + stringWidth(text) <= room;
  return barred ? bar + text : text.slice(0, Math.max(0, room));
}

/** Never 100 before the end. */
function percent(done: number, total: number): number {
  return total <= 0 ? 100 : Math.min(100, Math.floor((100 * done) / total));
}
