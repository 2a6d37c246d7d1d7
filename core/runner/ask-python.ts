// Asks a module of the project's Python one question: it prints one line of JSON and ends.
import { execFile } from "node:child_process";
import * as v from "valibot";
import { Fault } from "../faults.ts";
import { shortened } from "../formats/shortened.ts";

export interface PythonPlace {
  /** The Python that has Dagster and `dagster_taskiq`. */
  readonly python: string;
  /** With DAGSTER_HOME. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Question<S extends v.GenericSchema> {
  /** As `python -m` takes it. */
  readonly module: string;
  readonly args: readonly string[];
  readonly answer: S;
  /** How an error begins: what cannot be known now. */
  readonly unknown: string;
  readonly hint: string;
}

/** Importing Dagster takes seconds on a busy machine. */
const ANSWER_MS = 120_000;
const LONGEST_ANSWER = 256 * 1024 * 1024;
const LONGEST_REASON = 2_000;

/** Rejects with a `Fault` (`TQ_CONFIG`) if there is no answer. No error quotes what was printed. */
export async function askPython<S extends v.GenericSchema>(
  place: PythonPlace,
  question: Question<S>,
): Promise<v.InferOutput<S>> {
  const text = await run(place, question);
  const line = text.trim().split("\n").at(-1) ?? "";
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), question.answer), line);
  if (read.success) return read.output;
  throw unanswered("dagster_taskiq did not answer: is it the release that belongs to this worker?", question);
}

type Wording = Pick<Question<v.GenericSchema>, "unknown" | "hint">;

function run({ python, env }: PythonPlace, { module, args, ...wording }: Question<v.GenericSchema>): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...env }, timeout: ANSWER_MS, maxBuffer: LONGEST_ANSWER, encoding: "utf8" } as const;
    execFile(python, ["-m", module, ...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      // Not its message: the command's output may follow in it.
      else {
        const reason = stderr.trim() === "" ? `${python} did not run (${error.code ?? error.signal})` : stderr;
        reject(unanswered(reason, wording));
      }
    });
  });
}

function unanswered(reason: string, { unknown, hint }: Wording): Fault {
  return new Fault("TQ_CONFIG", `${unknown}: ${shortened(reason.trim(), LONGEST_REASON)}`, { hint });
}
