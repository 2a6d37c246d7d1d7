// The status page in a headless Chromium. `npm run test:browser` runs this file, and `npm test`
// does not, because not every machine has Chromium.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { after, before, describe, type TestContext, test } from "node:test";
import type { StatusFacts } from "../../core/status/document.ts";
import { Series } from "../../core/status/series.ts";
import { eventually } from "../support/eventually.ts";
import { Chromium, type Look, type Page } from "../support/status/chromium.ts";
import { claimed, NOW_MS, serveStatus, statusFacts } from "../support/status/scene.ts";

const PICTURES = ".taskiq/status-page";
const wide: Look = { width: 1_280, height: 800, dark: false };
const narrow: Look = { width: 360, height: 780, dark: false };
const ENTER = 13;
const TAB = 9;

const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202e\u0000';

/** A worker with much to show. */
function busyFacts(): StatusFacts {
  const series = new Series();
  for (let i = 0; i < 90; i += 1) {
    for (let n = 0; n < 6 + 5 * Math.sin(i / 6); n += 1) series.ended(i * 10_000, n === 3 && i % 7 === 0);
    if (i % 11 !== 3) series.waited(i * 10_000, 700 + 400 * Math.cos(i / 9));
  }
  const plain = statusFacts();
  const [queue] = plain.intake.queues;
  assert.ok(queue !== undefined);
  const quiet = [{ by: "ada@laptop", why: "a deploy", atMs: NOW_MS, untilMs: NOW_MS + 600_000, queue: null }];
  const ended = (index: number, outcome: string, why: string | null = null) => {
    const stepKey = `transform[part_${index}]`;
    return { ...claimed, stepKey, outcome, why, ranMs: 3_200 * index, endedAtMs: NOW_MS - index * 9_000 };
  };
  return statusFacts({
    series: series.read(89 * 10_000),
    snapshot: { ...plain.snapshot, busy: 3, received: 5_312 },
    running: [
      { ...claimed, runningMs: 7_383_000 },
      { ...claimed, stepKey: "load_customers", starts: 2, job: null, runningMs: 83_000 },
      { ...claimed, stepKey: "load_prices", waitedMs: null, pid: null, runningMs: 300 },
    ],
    ended: [
      ended(1, "success"),
      ended(2, "failure", "ValueError: the day 2026-02-30 does not exist"),
      ended(3, "up_for_retry", "TimeoutError: the warehouse did not answer within 30 s"),
      ended(4, "success"),
    ],
    intake: { outages: [], queues: [queue, { ...queue, name: "bulk.fifo", busy: 0, receiving: false, quiet }] },
  });
}

describe("the status page in Chromium", () => {
  let browser: Chromium;

  before(async () => {
    browser = await Chromium.start();
  });
  after(() => browser.close());

  /** Opens the page, and waits until it shows what `facts` returns. */
  async function open(t: TestContext, facts: () => StatusFacts, look = wide) {
    const server = await serveStatus(facts);
    t.after(() => server.close());
    const url = `http://127.0.0.1:${server.port}/`;
    const page = await browser.open(url, look);
    await eventually("the page shows the worker", () =>
      page.evaluate("document.getElementById('main')?.hidden === false"),
    );
    return { page, url, server };
  }

  const textOf = (page: Page, id: string) => page.evaluate(`document.getElementById('${id}').innerText`);

  test("hostile names and errors are shown as text, and nothing of them runs", async (t) => {
    const step = { ...claimed, stepKey: hostile, runId: hostile, job: hostile, queue: hostile };
    const facts = statusFacts({
      worker: hostile,
      running: [{ ...step, runningMs: 1 }],
      ended: [{ ...step, outcome: "failure", why: hostile, ranMs: 1, endedAtMs: NOW_MS }],
    });
    const { page } = await open(t, () => facts);
    assert.equal(await page.evaluate("document.querySelectorAll('main img, main script').length"), 0);
    assert.match(await textOf(page, "running"), /<script>document\.title=2<\/script>\\u202e\\x00/);
    assert.match(await page.evaluate("document.title"), /^<img src=x/);
    assert.deepEqual(page.complaints, []);
  });

  test("the page asks for itself and for its document, and for nothing else", async (t) => {
    const { page, url } = await open(t, busyFacts);
    await eventually("it has asked again", () => page.requested.length >= 3);
    const others = page.requested.filter(
      (one) => one !== url && one !== `${url}status.json` && !one.startsWith("data:"),
    );
    assert.deepEqual([others, page.complaints], [[], []]);
  });

  test("the policy stops a script that gets into the page", async (t) => {
    const { page } = await open(t, busyFacts);
    const attempt = `(() => {
      const script = document.createElement("script");
      try { script.textContent = "document.title = 'taken over'"; document.body.append(script); } catch {}
      try { document.body.innerHTML = "<b>taken over</b>"; } catch {}
      return document.title + document.body.innerText.includes("taken over");
    })()`;
    assert.equal(await page.evaluate(attempt), "worker-1 – taskiq workerfalse");
  });

  test("no pixel is outside of a screen of 360 pixels", async (t) => {
    const long = { ...claimed, stepKey: "x".repeat(500), job: "y".repeat(200), queue: "z".repeat(80) };
    const facts = statusFacts({ running: [{ ...long, runningMs: 1 }], advice: ["w".repeat(300)] });
    const { page } = await open(t, () => facts, narrow);
    const widest =
      "Math.max(...[...document.querySelectorAll('body *:not(.unseen, .skip)')].filter((one) => !one.closest('thead')).map((one) => one.getBoundingClientRect().right))";
    assert.ok((await page.evaluate(widest)) <= 360);
    assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 360);
  });

  for (const look of [wide, narrow]) {
    test(`a screen reader finds landmarks, headings and tables on a screen of ${look.width} pixels`, async (t) => {
      const { page } = await open(t, busyFacts, look);
      const spoken = await page.spoken();
      const names = (role: string) => spoken.filter((one) => one.role === role).map(({ name }) => name);
      assert.deepEqual([names("main").length, names("banner").length, names("contentinfo").length], [1, 1, 1]);
      const sections = ["Running", "Last 15 minutes", "Queues", "Health", "Last to end"];
      assert.deepEqual(names("region"), sections);
      assert.deepEqual(names("heading").slice(1), sections);
      assert.deepEqual(names("table"), ["Running", "Queues", "Health", "Last to end"]);
      assert.deepEqual(names("columnheader").slice(0, 3), ["Step", "Run", "Job"]);
      assert.ok(names("button").includes("Copy step key load_customers"));
    });
  }

  test("the live region changes only with the verdict", async (t) => {
    let facts = busyFacts();
    const { page } = await open(t, () => facts);
    await page.evaluate(
      "void new MutationObserver((all) => { globalThis.heard = (globalThis.heard ?? 0) + all.length }).observe(document.getElementById('verdict'), { childList: true, characterData: true, subtree: true })",
    );
    const asked = page.requested.length;
    facts = { ...facts, uptimeMs: 7_200_000, running: [] };
    await eventually("the page has heard of it", async () => (await textOf(page, "about")).endsWith("up 2 h 0 min"));
    await eventually("it has asked again", () => page.requested.length >= asked + 2);
    assert.equal(await page.evaluate("globalThis.heard ?? 0"), 0);
    facts = { ...facts, snapshot: { ...facts.snapshot, closedBecause: "the ledger is down" } };
    await eventually(
      "it says so",
      async () => (await textOf(page, "verdict")) === "Takes no steps: the ledger is down",
    );
    assert.ok((await page.evaluate("globalThis.heard")) > 0);
  });

  test("the keyboard reaches the pause, which stops the questions until it is lifted", async (t) => {
    let facts = busyFacts();
    const { page } = await open(t, () => facts);
    for (let i = 0; i < 2; i += 1) await page.press("Tab", TAB);
    assert.equal(await page.evaluate("document.activeElement.id"), "pause");
    await page.press("Enter", ENTER);
    assert.equal(await page.evaluate("document.activeElement.getAttribute('aria-pressed')"), "true");
    assert.match(await textOf(page, "fresh"), /^Paused; as of /);
    facts = { ...facts, uptimeMs: 7_200_000 };
    const asked = page.requested.length;
    await page.pass(60_000);
    assert.ok(page.requested.length <= asked + 1, "one may have been under way");
    assert.match(await textOf(page, "about"), /up 1 h 0 min$/);
    await page.press("Enter", ENTER);
    await eventually("it is live again", async () => (await textOf(page, "about")).endsWith("up 2 h 0 min"));
  });

  test("a copy button copies the whole key, says so, and keeps the focus through an update", async (t) => {
    const { page } = await open(t, busyFacts);
    await page.evaluate("document.execCommand = () => { globalThis.copied = getSelection().toString(); return true; }");
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
    await page.evaluate("document.querySelector('#running button').focus()");
    await page.press("Enter", ENTER);
    await eventually("it says so", async () => (await textOf(page, "said")) === "Copied the step key.");
    assert.equal(await page.evaluate("globalThis.copied"), "load_orders");
    const asked = page.requested.length;
    await eventually("it has asked twice", () => page.requested.length >= asked + 2);
    const focused = "document.activeElement.getAttribute('aria-label')";
    assert.equal(await page.evaluate(focused), "Copy step key load_orders");
  });

  test("the page says that the worker is gone, and keeps what it knew", async (t) => {
    const { page, server } = await open(t, busyFacts);
    await server.close();
    await eventually("it says so", async () =>
      /^The worker does not answer since /.test(await textOf(page, "verdict")),
    );
    assert.match(await textOf(page, "running"), /load_customers/);
  });

  for (const { width, height } of [wide, narrow]) {
    for (const dark of [false, true]) {
      test(`every text has contrast enough, ${width} pixels wide, ${dark ? "dark" : "light"}`, async (t) => {
        const { page } = await open(t, busyFacts, { width, height, dark });
        assert.deepEqual(await page.evaluate(`(${faint})()`), []);
        mkdirSync(PICTURES, { recursive: true });
        writeFileSync(`${PICTURES}/${width}-${dark ? "dark" : "light"}.png`, await page.screenshot());
      });
    }
  }
});

/** Runs in the page. Returns the texts whose contrast is below 4.5, as WCAG's AA asks for. */
const faint = `() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let one = node; one !== null; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const own = (node) => [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim() !== "");
  return [...document.querySelectorAll("body *:not(script, style, noscript)")].filter(own).flatMap((node) => {
    const [one, other] = [light(getComputedStyle(node).color), light(ground(node))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    return contrast < 4.5 ? [node.textContent + " " + contrast.toFixed(2)] : [];
  });
}`;
