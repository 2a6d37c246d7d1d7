// The status page as the browser gets it: one small file, whose policy allows its own style and
// script and nothing else.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { statusPage } from "../../../core/status/page.ts";

const MOST_BYTES = 60 * 1_024;
const { html, policy } = statusPage();

/** The texts between the tags of that name. */
function contentsOf(tag: string): readonly string[] {
  return [...html.matchAll(new RegExp(`<${tag}\\b[^>]*>(.*?)</${tag}>`, "gs"))].map(({ 1: text = "" }) => text);
}

test(`the status page has at most ${MOST_BYTES / 1_024} KiB`, () => {
  const bytes = Buffer.byteLength(html);
  assert.ok(bytes > 10_000 && bytes <= MOST_BYTES, `${bytes} bytes`);
});

test("the policy of the page has the hash of its only style and of its only script", () => {
  for (const tag of ["style", "script"]) {
    const [text, ...more] = contentsOf(tag);
    assert.ok(text !== undefined && text.length > 1_000);
    assert.deepEqual(more, []);
    const hash = createHash("sha256").update(text).digest("base64");
    assert.ok(policy.includes(`${tag}-src 'sha256-${hash}';`), `${tag}-src has not ${hash}`);
  }
  assert.match(policy, /^default-src 'none'; .*frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
});

test("the page names no other server, and has neither handlers nor styles in its tags", () => {
  const [markup = "", script = ""] = [html.replace(/<(style|script)\b.*?<\/\1>/gs, ""), contentsOf("script")[0]];
  assert.doesNotMatch(markup, /\son[a-z]+=|\sstyle=|javascript:|(?:src|href)="(?!#|status\.json"|data:image)/);
  assert.doesNotMatch(script, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|\bimport\b/);
  assert.deepEqual(
    [...html.matchAll(/https?:\/\/[^\s"'`)]+/g)].map(([url]) => url),
    ["http://www.w3.org/2000/svg", "http://www.w3.org/2000/svg"],
  );
});
