// A step's captured output, followed from its files into the worker's log. The files are the
// record; the log is a bounded courtesy copy.
import type { FileHandle } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import type { Clock } from "../clock.ts";
import { describeError } from "../faults.ts";
import { LineSplitter } from "./lines.ts";
import { openOutputFile } from "./output-file.ts";

export type Stream = "stdout" | "stderr";
export type OnLine = (stream: Stream, line: string) => void;

export interface OutputFiles extends Readonly<Record<Stream, string>> {
  /** The folder that both files must be below. `null` means that the step host does not say. */
  readonly folder: string | null;
}

/**
 * Pause between two turns. Short enough to watch a step by its log, long enough to cost nothing
 * with a hundred steps.
 */
const FOLLOW_MS = 250;
/** A step that writes faster than this is copied in part; its compute logs hold everything. */
const BYTES_PER_TURN = 64 * 1024;
/** Each becomes a line of log with all its fields: empty lines would be copied a hundredfold. */
const LINES_PER_TURN = 1_000;
const LONGEST_LINE = 8 * 1024;
/** A disk over the network may hang for minutes. The step has ended, and its message waits. */
const LAST_READ_MS = 2_000;

export interface Following {
  /**
   * Reads the rest and closes the files. Gives up without an error if that takes longer than two
   * seconds.
   */
  end(): Promise<void>;
}

/**
 * Follows both files until `end`. Reading a file instead of a pipe means that a step can neither be
 * slowed down by its log nor lose its last lines when it is killed.
 */
export function followOutput(files: OutputFiles, onLine: OnLine, clock: Pick<Clock, "sleep" | "within">): Following {
  const [ending, givenUp] = [new AbortController(), new AbortController()];
  const report: OnLine = (stream, line) => {
    if (!givenUp.signal.aborted) onLine(stream, line);
  };
  const tails = (["stdout", "stderr"] as const).map((stream) => new Tail(stream, files, report));
  const turn = () => Promise.all(tails.map((tail) => tail.turn()));
  const follow = async () => {
    while (!ending.signal.aborted) {
      await turn();
      await clock.sleep(FOLLOW_MS, ending.signal);
    }
    await turn();
    await Promise.all(tails.map((tail) => tail.close()));
  };
  const following = follow();
  return {
    end: async () => {
      ending.abort();
      await clock.within(LAST_READ_MS, following);
      givenUp.abort();
    },
  };
}

/**
 * File calls share four threads of Node's. Those that hang must leave some to the ledger, to
 * credentials and to names.
 */
const FILES_AT_ONCE = 2;
const waiting: (() => void)[] = [];
let underWay = 0;

async function inTurn(act: () => Promise<void>): Promise<void> {
  if (underWay < FILES_AT_ONCE) underWay += 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    await act();
  } finally {
    const next = waiting.shift();
    if (next === undefined) underWay -= 1;
    else next();
  }
}

class Tail {
  readonly #stream: Stream;
  readonly #path: string;
  readonly #folder: string | null;
  readonly #onLine: OnLine;
  readonly #decoder = new StringDecoder("utf8");
  readonly #lines = new LineSplitter(LONGEST_LINE);
  #file: FileHandle | null = null;
  #offset = 0;
  #givenUp = false;

  constructor(stream: Stream, files: OutputFiles, onLine: OnLine) {
    this.#stream = stream;
    this.#path = files[stream];
    this.#folder = files.folder;
    this.#onLine = onLine;
  }

  /**
   * A file that is not there yet is tried again at the next turn; one that cannot be read is said
   * once and given up.
   */
  turn(): Promise<void> {
    return this.#givenUp ? Promise.resolve() : inTurn(() => this.#follow());
  }

  async #follow(): Promise<void> {
    try {
      this.#file ??= await openOutputFile(this.#path, this.#folder);
      await this.#read(this.#file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      this.#givenUp = true;
      this.#onLine(this.#stream, `… ${this.#path} cannot be followed: ${describeError(error)}`);
    }
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#file?.close();
  }

  #flush(): void {
    for (const line of [...this.#lines.push(this.#decoder.end()), ...this.#lines.flush()]) {
      this.#onLine(this.#stream, line);
    }
  }

  async #read(file: FileHandle): Promise<void> {
    const { size } = await file.stat();
    const skipped = size - this.#offset - BYTES_PER_TURN;
    if (skipped > 0) {
      this.#flush(); // what came before the gap must not be glued to what comes after it
      this.#offset += skipped;
      this.#onLine(this.#stream, `… ${skipped} bytes left out of this log; the compute logs have them`);
    }
    const buffer = Buffer.allocUnsafe(Math.max(0, size - this.#offset));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#offset);
    this.#offset += bytesRead;
    const text = this.#decoder.write(buffer.subarray(0, bytesRead));
    const lines = this.#lines.push(text);
    for (const line of lines.slice(0, LINES_PER_TURN)) this.#onLine(this.#stream, line);
    const missing = lines.length - LINES_PER_TURN;
    if (missing > 0) this.#onLine(this.#stream, `… ${missing} lines left out of this log; the compute logs have them`);
  }
}
