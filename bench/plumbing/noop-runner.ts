// A step that does nothing, but everything around it: it asks for its permit and succeeds.
import type { Ending, Looked, Runner } from "../../core/runner/port.ts";

const output = { outputs: ["result"], assets: [] };

export class NoopRunner implements Runner {
  async start(): Promise<void> {
    // There is no host.
  }

  execute: Runner["execute"] = async (_order, ask): Promise<Ending> => {
    const startedAt = Date.now() / 1_000;
    if (!(await ask()).granted) return { kind: "permit_refused" };
    const completedAt = Date.now() / 1_000;
    const times = { started_at: startedAt, completed_at: completedAt, execution_time_seconds: completedAt - startedAt };
    return { kind: "ended", result: { state: "success", output, error: null, ...times }, wrote: true };
  };

  report: Runner["report"] = async () => ({ kind: "permit_refused" });

  async notice(): Promise<boolean> {
    return true;
  }

  async look(): Promise<Looked> {
    return { kind: "looked", standings: [], instance: null };
  }

  async probe(): Promise<null> {
    return null;
  }

  instance(): null {
    return null;
  }

  versions(): null {
    return null;
  }

  unavailable(): null {
    return null;
  }

  advice(): readonly string[] {
    return [];
  }

  kill(): void {
    // Nothing runs.
  }

  broken(): null {
    return null;
  }

  async stop(): Promise<void> {
    // There is no host.
  }
}
