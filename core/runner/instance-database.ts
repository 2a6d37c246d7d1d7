// Asks the project's Python where the Dagster instance keeps its data. Only Dagster reads
// dagster.yaml as Dagster does.
import { execFile } from "node:child_process";
import * as v from "valibot";
import { Fault } from "../faults.ts";
import { shortened } from "../formats/shortened.ts";

export interface InstancePlace {
  /** The Python that has Dagster and `dagster_taskiq`. */
  readonly python: string;
  /** With DAGSTER_HOME. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What the instance says of its PostgreSQL database. `null` is left to the client. */
export type InstanceDatabase = v.InferOutput<typeof database>;

const maybe = v.nullable(v.string());
const database = v.object({
  host: maybe,
  port: v.number(),
  user: maybe,
  password: maybe,
  database: maybe,
  sslmode: maybe,
  sslrootcert: maybe,
  passfile: maybe,
});
const answer = v.intersect([v.object({ storage: v.string() }), v.union([database, v.object({})])]);

/** Importing Dagster takes seconds on a busy machine. */
const ANSWER_MS = 120_000;
const LONGEST_REASON = 2_000;

/**
 * Rejects with a `Fault` (`TQ_CONFIG`) if there is no such instance, or if it keeps its data in
 * another database. No error holds the password.
 */
export async function askInstanceDatabase({ python, env }: InstancePlace): Promise<InstanceDatabase> {
  const text = await run(python, env);
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), answer), text.trim().split("\n").at(-1) ?? "");
  if (!read.success) throw unanswered("dagster_taskiq did not answer: is it the release that belongs to this worker?");
  if ("port" in read.output) return read.output;
  throw new Fault(
    "TQ_CONFIG",
    `--ledger-url dagster: the Dagster instance has no PostgreSQL database, but ${read.output.storage}`,
    {
      hint: "Name the ledger: postgres://<user>@<host>:<port>/<database>, or sqlite:<path> for the workers of one machine.",
    },
  );
}

function run(python: string, env: InstancePlace["env"]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...env }, timeout: ANSWER_MS, encoding: "utf8" } as const;
    execFile(python, ["-m", "dagster_taskiq.instance_database"], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      // Not its message: the command's output may follow in it.
      else reject(unanswered(stderr.trim() === "" ? `${python} did not run (${error.code ?? error.signal})` : stderr));
    });
  });
}

function unanswered(reason: string): Fault {
  const message = `--ledger-url dagster: the Dagster instance cannot be asked for its database: ${shortened(reason.trim(), LONGEST_REASON)}`;
  return new Fault("TQ_CONFIG", message, {
    hint: "Check DAGSTER_HOME and --python, or name the ledger's database with --ledger-url.",
  });
}
