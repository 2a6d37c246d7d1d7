// `npm run image:check`: builds the real Dockerfile without a container engine and without network,
// lints it, and starts the image. It needs Debian and root. buildah builds in a chroot, and the
// base images are assembled from Debian's packages under the same names.
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { SetupError } from "./bootstrap/setup-error.mjs";
import { makeBaseImages } from "./image/base-images.ts";
import { buildImages } from "./image/build-image.ts";
import { lint } from "./image/lint.ts";
import { requireTools } from "./image/tools.ts";

async function main(): Promise<number> {
  requireTools();
  await lint("Dockerfile");
  await makeBaseImages();
  const { worker: image, project } = await buildImages();
  process.stdout.write(
    `image: ${(image.bytes / 1e6).toFixed(0)} MB, of them ${(statSync(`${image.tree}/usr/local/bin/taskiq`).size / 1e6).toFixed(0)} MB taskiq\n`,
  );
  const env = {
    ...process.env,
    TASKIQ_IMAGE_TREE: image.tree,
    TASKIQ_IMAGE_CONFIG: JSON.stringify(image.config),
    TASKIQ_PROJECT_TREE: project.tree,
  };
  const files = [resolve("test/image/image.test.ts")];
  let failed = false;
  const events = run({ files, timeout: 300_000, env }).on("test:fail", () => {
    failed = true;
  });
  for await (const text of events.compose(spec)) process.stdout.write(text);
  return failed ? 1 : 0;
}

process.exitCode = await main().catch((error: unknown) => {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`\n${error.message}\n${error.hint === undefined ? "" : `${error.hint}\n`}`);
  return 1;
});
