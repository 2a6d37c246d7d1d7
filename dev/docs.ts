// `npm run docs`: writes the tables of options and log events into the pages. Run it after a change
// of either. A test fails if you forget it.
import { writeFileSync } from "node:fs";
import { writtenPages } from "./docs/written-pages.ts";

for (const { path, now, wanted } of await writtenPages()) {
  if (now === wanted) continue;
  writeFileSync(path, wanted);
  process.stdout.write(`${path} is up to date now\n`);
}
