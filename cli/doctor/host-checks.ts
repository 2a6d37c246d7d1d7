// What `taskiq doctor` learns from the step host of `taskiq run`: Python, versions, instance, code
// locations.

import { counted } from "../../core/formats/counted.ts";
import type { Observation } from "../../core/observe.ts";
import { minorOf } from "../../core/step/dagster-version.ts";
import { version } from "../version.ts";
import { type Finding, fail, failed, ok, perform, warn } from "./check.ts";
import type { Patient } from "./wire-doctor.ts";

type Greeting = Awaited<ReturnType<Patient["greet"]>>;

/** For ending the host: it ends by itself when its time is over. */
const END_MS = 5_000;

export async function checkHost(patient: Patient, python: string, withinMs: number): Promise<readonly Finding[]> {
  const said: string[] = [];
  const hear = ({ event, message }: Observation) => {
    if (event === "host.output") said.push(message);
  };
  return await perform("python", withinMs + END_MS, async () => {
    try {
      return judge(await patient.greet(hear, withinMs), python);
    } catch (error) {
      const last = said.findLast((line) => line.trim() !== "");
      const { found, todo } = failed("python", error);
      return [fail("python", last === undefined ? found : `${found}. It said last: ${last.trim()}`, todo)];
    }
  });
}

function judge({ host, locations, storage }: Greeting, python: string): readonly Finding[] {
  return [
    ok("python", `${python} is Python ${host.python}`),
    versionsOf(host),
    storage === null
      ? ok(
          "instance",
          host.instance === null ? "no identity; its storages answer" : `${host.instance}; its storages answer`,
        )
      : fail("instance", `${storage.class}: ${storage.message}`, "Check the storages that dagster.yaml names."),
    ...(locations.length === 0
      ? [ok("code location", "none is given: each run's own record names its code")]
      : locations.map(locationOf)),
  ];
}

function versionsOf({ dagster, dagster_taskiq: own }: Greeting["host"]): Finding {
  const found = `Dagster ${dagster}, dagster-taskiq ${own}, taskiq ${version}`;
  if (minorOf(own) === minorOf(version)) return ok("versions", found);
  return warn("versions", found, "Install the release of dagster-taskiq that belongs to this taskiq.");
}

function locationOf({ name, error, unforkable, jobs, assets }: Greeting["locations"][number]): Finding {
  if (error !== null) {
    const todo = "Import the code in that Python by hand, and correct the error that it shows.";
    return fail("code location", `${name} cannot be imported: ${error.class}: ${error.message}`, todo);
  }
  const counts =
    jobs === undefined || assets === undefined ? "" : `, ${counted(jobs, "job")}, ${counted(assets, "asset")}`;
  if (unforkable.length === 0) return ok("code location", `${name} is imported${counts}; its steps run in forks`);
  const found = `${name} is imported${counts}; each step starts a new Python, because the import leaves ${unforkable.join(", ")}`;
  return warn(
    "code location",
    found,
    "Make these in the op or resource that uses them, or tag ops taskiq/isolation: fork.",
  );
}
