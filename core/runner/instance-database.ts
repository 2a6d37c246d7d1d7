// Asks the project's Python where the Dagster instance keeps its data. Only Dagster reads
// dagster.yaml as Dagster does.
import * as v from "valibot";
import { Fault } from "../faults.ts";
import { askPython, type PythonPlace } from "./ask-python.ts";

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

/**
 * Rejects with a `Fault` (`TQ_CONFIG`) if there is no such instance, or if it keeps its data in
 * another database. No error holds the password.
 */
export async function askInstanceDatabase(place: PythonPlace): Promise<InstanceDatabase> {
  const given = await askPython(place, {
    module: "dagster_taskiq.instance_database",
    args: [],
    answer,
    unknown: "--ledger-url dagster: the Dagster instance cannot be asked for its database",
    hint: "Check DAGSTER_HOME and --python, or name the ledger's database with --ledger-url.",
  });
  if ("port" in given) return given;
  throw new Fault(
    "TQ_CONFIG",
    `--ledger-url dagster: the Dagster instance has no PostgreSQL database, but ${given.storage}`,
    {
      hint: "Name the ledger: postgres://<user>@<host>:<port>/<database>, or sqlite:<path> for the workers of one machine.",
    },
  );
}
