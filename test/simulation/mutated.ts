// A thread in which one line of the product is another one: lives through worlds until one shows
// it.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import type { Mutant } from "./mutants.ts";

export interface Hunt {
  readonly mutant: Pick<Mutant, "edit" | "rules">;
  readonly fromSeed: number;
  readonly deliveries: number;
}

const { mutant, fromSeed, deliveries }: Hunt = workerData;
const { edit } = mutant;

if (edit !== undefined) {
  const url = new URL(`../../${edit.file}`, import.meta.url).href;
  const source = readFileSync(fileURLToPath(url), "utf8");
  if (source.split(edit.from).length !== 2) throw new Error(`${edit.file} does not hold this text once: ${edit.from}`);
  registerHooks({
    load: (loaded, context, nextLoad) =>
      loaded === url
        ? { format: "module-typescript", source: source.replace(edit.from, () => edit.to), shortCircuit: true }
        : nextLoad(loaded, context),
  });
}

// Only now: what is imported before the hook is the product as it is.
const { simulate } = await import("./simulate.ts");
const { hostRules } = await import("./step-process.ts");
const found = await simulate({ fromSeed, deliveries, rules: { ...hostRules, ...mutant.rules } });
parentPort?.postMessage(found);
