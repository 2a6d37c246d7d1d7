// A step's captured output, followed from its files into the worker's log. The files are the record; the log is a bounded courtesy copy.
import { type FileHandle, open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { describeError } from "../faults.ts";
import { LineSplitter } from "./lines.ts";

export type Stream = "stdout" | "stderr";
export type OnLine = (stream: Stream, line: string) => void;

/** Short enough to watch a step by its log, long enough to cost nothing with a hundred steps. */
const FOLLOW_MS = 250;
/** A step that writes faster than this is copied in part; its compute logs hold everything. */
const BYTES_PER_TURN = 64 * 1024;
const LONGEST_LINE = 8 * 1024;

export interface Following {
  /** Reads what is left and closes the files. */
  end(): Promise<void>;
}

/**
 * Follows both files until `end`. Reading a file instead of a pipe means that a step can neither be slowed down by its log nor lose
 * its last lines when it is killed.
 */
export function followOutput(paths: Readonly<Record<Stream, string>>, onLine: OnLine): Following {
  const tails = [new Tail("stdout", paths.stdout, onLine), new Tail("stderr", paths.stderr, onLine)];
  const turn = () => Promise.all(tails.map((tail) => tail.turn()));
  let reading: Promise<unknown> = turn();
  const timer = setInterval(() => {
    reading = reading.then(turn);
  }, FOLLOW_MS);
  timer.unref();
  return {
    end: async () => {
      clearInterval(timer);
      await reading;
      await turn();
      await Promise.all(tails.map((tail) => tail.close()));
    },
  };
}

class Tail {
  readonly #stream: Stream;
  readonly #path: string;
  readonly #onLine: OnLine;
  readonly #decoder = new StringDecoder("utf8");
  readonly #lines = new LineSplitter(LONGEST_LINE);
  #file: FileHandle | null = null;
  #offset = 0;
  #givenUp = false;

  constructor(stream: Stream, path: string, onLine: OnLine) {
    this.#stream = stream;
    this.#path = path;
    this.#onLine = onLine;
  }

  /** A file that is not there yet is tried again at the next turn; one that cannot be read is said once and given up. */
  async turn(): Promise<void> {
    if (this.#givenUp) return;
    try {
      this.#file ??= await open(this.#path, "r");
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
    for (const line of this.#lines.push(text)) this.#onLine(this.#stream, line);
  }
}
