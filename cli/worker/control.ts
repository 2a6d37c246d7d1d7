// The control endpoint of a running worker, opened and closed with it. A worker that cannot have
// one works without.
import { startControlServer } from "../../core/endpoints/control-server.ts";
import type { JsonServer } from "../../core/endpoints/json-server.ts";
import { describeError } from "../../core/faults.ts";
import type { Observe } from "../../core/observe.ts";
import type { Worker } from "../../core/worker/worker.ts";
import type { Io } from "../command.ts";
import {
  type ControlPlace,
  newToken,
  removeControlFile,
  sweepControlFiles,
  writeControlFile,
} from "./control-files.ts";
import type { WorkerConfig } from "./worker-config.ts";

export interface Control {
  close(): Promise<void>;
}

export async function openControl(
  { workerId, stateDir }: Pick<WorkerConfig, "workerId" | "stateDir">,
  worker: Worker,
  { machine }: Pick<Io, "machine">,
  observe: Observe,
): Promise<Control> {
  const place = { directory: stateDir, uid: machine.uid(), hostname: machine.hostname() };
  const token = newToken();
  let server: JsonServer | null = null;
  try {
    server = await startControlServer({
      token,
      worker: workerId,
      observe,
      snapshot: () => worker.snapshot(),
      quiet: (by) => worker.quiet(by),
      resume: (by) => worker.resume(by),
    });
    const path = await announce(place, { pid: machine.pid(), worker: workerId, port: server.port, token });
    observe({ event: "control.open", level: "debug", message: `control endpoint on port ${server.port}: ${path}` });
    return { close: () => closeAll(server, path) };
  } catch (error) {
    const message = `no control endpoint, so that this worker cannot be made quiet: ${describeError(error)}`;
    observe({ event: "control.off", level: "warn", message });
    return { close: () => closeAll(server, null) };
  }
}

async function announce(place: ControlPlace, content: Parameters<typeof writeControlFile>[1]): Promise<string> {
  const path = await writeControlFile(place, content);
  await sweepControlFiles(place);
  return path;
}

async function closeAll(server: JsonServer | null, path: string | null): Promise<void> {
  if (path !== null) await removeControlFile(path);
  await server?.close();
}
