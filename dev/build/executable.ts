// The single executable: the bundle inside the Node that runs this, by Node's own --build-sea.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Both names are relative to `folder`: the path of the main file ends up in the executable. */
export function buildExecutable(folder: string, bundle: string, output: string): void {
  const temporary = mkdtempSync(join(tmpdir(), "taskiq-sea-"));
  const config = {
    main: bundle,
    mainFormat: "module",
    output,
    disableExperimentalSEAWarning: true,
    // Compiled ahead, or every health check would compile the whole worker.
    useCodeCache: true,
    // NODE_OPTIONS is for users of Node; here Node is an implementation detail.
    execArgvExtension: "none",
  };
  try {
    const path = join(temporary, "sea.json");
    writeFileSync(path, JSON.stringify(config));
    // Without --predictable, V8's compiled code depends on a random seed, and no two executables
    // would be the same. The flag --hash-seed alone has the same effect, but then V8 rejects the
    // code at run time.
    execFileSync(process.execPath, ["--predictable", "--build-sea", path], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
