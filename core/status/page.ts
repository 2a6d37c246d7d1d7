// The status page: one file of HTML with its style and its script in it, and the headers that keep
// it so. The browser runs nothing but these two, and asks nothing but this worker.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

interface Sources {
  readonly html: string;
  readonly css: string;
  readonly script: string;
}

/** Replaced when the bundle is built; not there when the sources run as they are. */
declare const TASKIQ_STATUS_PAGE: Sources | undefined;

export interface StatusPage {
  readonly html: string;
  readonly policy: string;
}

let made: StatusPage | null = null;

/** Puts the page together at its first request. */
export function statusPage(): StatusPage {
  made ??= makePage(typeof TASKIQ_STATUS_PAGE === "object" ? TASKIQ_STATUS_PAGE : readSources());
  return made;
}

function makePage({ html, css, script }: Sources): StatusPage {
  // Functions, because a text would give `$&` a meaning.
  const filled = html
    .replace("<style></style>", () => `<style>${css}</style>`)
    .replace('<script type="module"></script>', () => `<script type="module">${script}</script>`);
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(css)}'`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return { html: filled, policy: policy.join("; ") };
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function readSources(): Sources {
  const read = (name: string) => readFileSync(new URL(`page/${name}`, import.meta.url), "utf8");
  return { html: read("page.html"), css: read("page.css"), script: read("page.mjs") };
}
