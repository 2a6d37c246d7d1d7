// What `taskiq dev` says of a Python that lacks something, before anything starts.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { requirePackages } from "../../../../cli/dev/python.ts";

/** A program that answers as a Python with these packages does. */
function python(t: TestContext, packages: Readonly<Record<string, string | null>>): string {
  const directory = mkdtempSync(join(tmpdir(), "taskiq-python-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "python");
  writeFileSync(path, `#!/bin/sh\necho '${JSON.stringify({ executable: "/venv/bin/python", packages })}'\n`);
  chmodSync(path, 0o755);
  return path;
}

test("packages that are missing are named, with what to type", async (t) => {
  const bare = python(t, { dagster: "1.13.27", "dagster-taskiq": null, "dagster-webserver": null });
  await assert.rejects(requirePackages(bare, process.env, { ui: true }), {
    code: "TQ_CONFIG",
    message: "dagster-taskiq, dagster-webserver are not installed in /venv/bin/python",
    hint: /^Try: \/venv\/bin\/python -m pip install dagster-taskiq dagster-webserver\. Or name your project's Python: --python/,
  });
});

test("the web server is needed only for the UI", async (t) => {
  const noUi = python(t, { dagster: "1.13.27", "dagster-taskiq": "0.1.0", "dagster-webserver": null });
  await requirePackages(noUi, process.env, { ui: false });
  await assert.rejects(requirePackages(noUi, process.env, { ui: true }), {
    hint: / Or start without the UI: --no-ui\.$/,
  });
});

test("a --python that is not a Python is named", async (t) => {
  const message = /^the Python \/not\/there cannot be used: .*ENOENT/;
  await assert.rejects(requirePackages("/not/there", process.env, { ui: false }), { code: "TQ_CONFIG", message });
  const silent = python(t, {});
  writeFileSync(silent, "#!/bin/sh\necho broken >&2\nexit 3\n");
  await assert.rejects(requirePackages(silent, process.env, { ui: false }), { message: /cannot be used: broken$/ });
});
