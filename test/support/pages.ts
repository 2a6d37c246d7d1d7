// The project's pages: what stands in them as code, where their links go, and what can be linked
// to.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = new URL("../../", import.meta.url).pathname;

export interface Block {
  readonly page: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** Empty for one without. */
  readonly language: string;
  readonly text: string;
}

export interface Page {
  readonly path: string;
  readonly blocks: readonly Block[];
  /** Code within sentences and tables. */
  readonly spans: readonly string[];
  /** As they are written. */
  readonly links: readonly string[];
  /** What `#…` may name. */
  readonly anchors: readonly string[];
}

export const pages: readonly Page[] = globSync(
  ["*.md", "{docs,deploy,bench,python}/*.md", "fixtures/README.md", "fixtures/*/README.md"],
  {
    cwd: root,
  },
)
  .toSorted()
  .map((path) => readPage(path, readFileSync(join(root, path), "utf8")));

export function readPage(path: string, text: string): Page {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { indent: string; language: string; line: number; lines: string[] } | null = null;
  for (const [i, line] of text.split("\n").entries()) {
    const fence = /^(\s*)```(.*)$/.exec(line);
    if (open === null && fence !== null) {
      open = { indent: fence[1] ?? "", language: (fence[2] ?? "").trim(), line: i + 1, lines: [] };
    } else if (open !== null && fence !== null) {
      blocks.push({ page: path, line: open.line, language: open.language, text: open.lines.join("\n") });
      open = null;
    } else if (open !== null) open.lines.push(line.slice(open.indent.length));
    else prose.push(line);
  }
  if (open !== null) throw new Error(`${path}:${open.line}: a code block without an end`);
  const words = prose.join("\n");
  return {
    path,
    blocks,
    spans: [...words.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span),
    links: [...words.replace(/`[^`\n]+`/g, "").matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target),
    anchors: prose.filter((line) => /^#+ /.test(line)).map(anchorOf),
  };
}

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  const text = heading.replace(/^#+ /, "").toLowerCase();
  return text.replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}
