// Where the ledger is, as one text: `sqlite:<path>`.
import * as v from "valibot";
import type { Kind } from "./values.ts";

const expected = "sqlite:<path of a file>";

/** The file's path. */
export const ledgerUrl: Kind<string> = {
  placeholder: "<url>",
  expects: (given) =>
    /^postgres(?:ql)?:/i.test(given) ? `${expected}; this version has no Postgres ledger` : expected,
  schema: v.pipe(
    v.string(),
    // Not sqlite://…: whether its path is relative or absolute, every program reads differently. Not :memory:, it would forget.
    v.regex(/^sqlite:(?!\/\/|:memory:)\P{Cc}+$/u),
    v.transform((given) => given.slice("sqlite:".length)),
  ),
};
