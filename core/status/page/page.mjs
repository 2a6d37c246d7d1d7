// The script of the status page. It asks the worker for /status.json every two seconds while the
// page is visible, and changes only what is different, so that focus and selection stay.
// Everything that it shows is set as text, never as HTML.

const ASK_MS = 2_000;
const PATIENCE_MS = 5_000;

/**
 * @typedef {{ text: string, more?: string, kind?: string, key?: boolean, copy?: string }} Cell
 *   `copy` names what a button copies, and `more` is a second line.
 * @typedef {{ id: string, cells: readonly Cell[] }} Row
 * @typedef {{ run_id: string, step_key: string, attempt: number, job: string | null, queue: string,
 *   starts: number, claimed_at_ms: number, waited_ms: number | null, pid: number | null }} Step
 * @typedef {{ ok: boolean, why: string }} Verdict
 * @typedef {{ by: string, why: string | null, at_ms: number, until_ms: number | null }} Quiet
 * @typedef {{ name: string, state: string, why: string | null, quiet: readonly Quiet[],
 *   slots: { total: number, busy: number }, received: number }} Queue
 * @typedef {{ worker: string, version: string, pid: number, now_ms: number, uptime_ms: number,
 *   stopping: boolean, health: Record<"live" | "ready" | "healthy", Verdict>,
 *   dependencies: Record<"ledger" | "instance" | "host" | "location", Verdict>,
 *   step_host: { dagster: string, dagster_taskiq: string } | null, advice: readonly string[],
 *   slots: { total: number, busy: number },
 *   running: readonly (Step & { running_ms: number })[],
 *   recent: readonly (Step & { outcome: string, ran_ms: number, ended_at_ms: number,
 *     why: string | null })[],
 *   series: { interval_ms: number, ended: readonly number[], failed: readonly number[],
 *     wait_ms: readonly (number | null)[] },
 *   queues: readonly Queue[] }} Status
 */

let paused = false;
let timer = 0;
/** When the worker answered last, on this browser's clock. @type {Date | null} */
let answeredAt = null;

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/**
 * Changes nothing that is the same, so that a screen reader has nothing to say.
 *
 * @param {Element} node
 * @param {string} text
 */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {number | null} ms */
function duration(ms) {
  if (ms === null) return "–";
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3_600)} h ${Math.floor(whole / 60) % 60} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor(whole / 3_600) % 24} h`;
}

/** @param {number} atMs */
function clockTime(atMs) {
  return new Date(atMs).toLocaleTimeString();
}

/** @param {Step} step @returns {[Cell, Cell, Cell, Cell]} */
function aboutStep({ run_id, step_key, attempt, starts, job, queue }) {
  const again = starts > 1 ? `attempt ${attempt}, start ${starts}` : `attempt ${attempt}`;
  return [
    { text: step_key, more: again, key: true, copy: "step key" },
    { text: run_id, key: true, copy: "run id" },
    { text: job ?? "–" },
    { text: queue },
  ];
}

/** @param {string} outcome */
function kindOf(outcome) {
  if (outcome === "success") return "good";
  return ["up_for_retry", "run_over", "given_back", "requeued", "acked"].includes(outcome) ? "warn" : "bad";
}

/** @param {Queue} queue @returns {Row} */
function queueRow({ name, state, why, quiet, slots, received }) {
  const asked = quiet.map(({ by, why: reason, until_ms }) => {
    const until = until_ms === null ? "" : ` until ${clockTime(until_ms)}`;
    return `${by} asked for it${until}${reason === null ? "" : `: ${reason}`}`;
  });
  const more = [...asked, ...(why === null ? [] : [why])].join("; ");
  const kind = { closed: "bad", quiet: "warn", stopping: "warn", receiving: "good" }[state] ?? "";
  const used = `${slots.busy} of ${slots.total}`;
  return {
    id: name,
    cells: [{ text: name }, { text: state, more, kind }, { text: used }, { text: String(received) }],
  };
}

/** @param {Status} status @returns {Row[]} */
function healthRows({ health, dependencies, step_host, advice }) {
  const { ledger, instance, host, location } = dependencies;
  const versions = step_host === null ? "" : `Dagster ${step_host.dagster}, dagster-taskiq ${step_host.dagster_taskiq}`;
  /** @type {[string, Verdict, string][]} */
  const parts = [
    ["Takes steps (readyz)", health.ready, ""],
    ["Alive (livez)", health.live, ""],
    ["Healthy (healthz)", health.healthy, ""],
    ["Ledger", ledger, ""],
    ["Dagster instance", instance, ""],
    ["Step host", host, versions],
    ["Code locations", location, advice.join("; ")],
  ];
  return parts.map(([name, { ok, why }, aside]) => {
    const more = [why === "ok" ? "" : why, aside].filter((text) => text !== "").join("; ");
    return { id: name, cells: [{ text: name }, { text: ok ? "ok" : "no", kind: ok ? "good" : "bad", more }] };
  });
}

/**
 * Keeps the rows that stay in place.
 *
 * @param {string} id
 * @param {readonly Row[]} rows
 */
function fill(id, rows) {
  const body = element(id);
  const labels = [...(body.parentElement?.querySelectorAll("th") ?? [])].map((head) => head.textContent ?? "");
  /** @type {Map<string, Element>} */
  const known = new Map([...body.children].map((row) => [row.getAttribute("data-id") ?? "", row]));
  const wanted = new Set(rows.map((row) => row.id));
  for (const [key, row] of known) if (!wanted.has(key)) row.remove();
  let next = body.firstElementChild;
  for (const { id: key, cells } of rows) {
    const row = known.get(key) ?? makeRow(key, labels, cells);
    if (row === next) next = row.nextElementSibling;
    else body.insertBefore(row, next);
    cells.forEach((cell, index) => {
      writeCell(row.children[index], cell);
    });
  }
}

/** @param {string} id @param {readonly string[]} labels @param {readonly Cell[]} cells */
function makeRow(id, labels, cells) {
  const row = document.createElement("tr");
  row.setAttribute("role", "row");
  row.setAttribute("data-id", id);
  cells.forEach(({ key, copy }, index) => {
    const cell = document.createElement("td");
    cell.setAttribute("role", "cell");
    cell.setAttribute("data-label", labels[index] ?? "");
    const text = document.createElement("span");
    if (key === true) text.className = "key";
    cell.append(text);
    if (copy !== undefined) cell.append(makeCopyButton(copy, text));
    const more = document.createElement("span");
    more.className = "more";
    cell.append(more);
    row.append(cell);
  });
  return row;
}

/** @param {Element | undefined} cell @param {Cell} content */
function writeCell(cell, { text, more = "", kind, key, copy }) {
  const [first] = cell?.children ?? [];
  const last = cell?.lastElementChild;
  if (first === undefined || last === null || last === undefined) return;
  write(first, text);
  write(last, more);
  if (key !== true) first.className = kind ?? "";
  if (copy !== undefined) cell?.querySelector("button")?.setAttribute("aria-label", `Copy ${copy} ${text}`);
}

/** @param {string} what @param {Element} source */
function makeCopyButton(what, source) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const done = await copy(source);
    write(element("said"), done ? `Copied the ${what}.` : `The browser does not allow to copy the ${what}.`);
    button.textContent = done ? "Copied" : "Failed";
    setTimeout(() => {
      button.textContent = "Copy";
      write(element("said"), "");
    }, 1_500);
  });
  return button;
}

/**
 * Browsers have a clipboard for pages of this machine and of HTTPS only.
 *
 * @param {Element} source
 */
async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent ?? "");
    return true;
  } catch {
    getSelection()?.selectAllChildren(source);
    return document.execCommand("copy");
  }
}

/**
 * Draws one bar for each value, and a second one over it for `over`.
 *
 * @param {string} id
 * @param {readonly (number | null)[]} values
 * @param {readonly number[]} [over]
 */
function draw(id, values, over = []) {
  const chart = element(id);
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  chart.setAttribute("viewBox", `0 0 ${values.length} 100`);
  chart.setAttribute("preserveAspectRatio", "none");
  const bars = [...values.map(barOf("")), ...over.map(barOf("bad"))];
  chart.replaceChildren(...bars.filter((bar) => bar !== null));

  /** @param {string} kind */
  function barOf(kind) {
    return (/** @type {number | null} */ value, /** @type {number} */ index) => {
      if (value === null || value === 0) return null;
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const height = Math.max(3, (value / most) * 100);
      const place = { x: index + 0.1, y: 100 - height, width: 0.8, height };
      for (const [name, number] of Object.entries(place)) bar.setAttribute(name, String(number));
      if (kind !== "") bar.setAttribute("class", kind);
      return bar;
    };
  }
}

/** @param {Status["series"]} series */
function showSeries({ interval_ms, ended, failed, wait_ms }) {
  const sum = (/** @type {readonly number[]} */ numbers) => numbers.reduce((all, one) => all + one, 0);
  const minute = Math.round(60_000 / interval_ms);
  const waits = wait_ms.filter((wait) => wait !== null);
  const longest = waits.length === 0 ? "no step was claimed" : duration(Math.max(...waits));
  const rate = sum(ended.slice(-minute));
  write(element("ended-words"), `Ended: ${sum(ended)}, of them ${sum(failed)} failed; ${rate} in the last minute`);
  write(element("wait-words"), `Wait for a slot; longest mean of 10 seconds: ${longest}`);
  draw("ended-chart", ended, failed);
  draw("wait-chart", wait_ms);
}

/** @param {Status} status */
function show(status) {
  const { slots, running, recent, queues, health } = status;
  write(element("worker"), status.worker);
  document.title = `${status.worker} – taskiq worker`;
  write(element("about"), `Version ${status.version} · process ${status.pid} · up ${duration(status.uptime_ms)}`);
  showVerdict(health.ready);
  element("meter").setAttribute("max", String(slots.total));
  element("meter").setAttribute("value", String(slots.busy));
  write(element("busy"), `${slots.busy} of ${slots.total} slots are busy`);
  const runningRows = running.map((step) => {
    const since = [{ text: duration(step.running_ms) }, { text: clockTime(step.claimed_at_ms) }];
    const cells = [...aboutStep(step), ...since, { text: duration(step.waited_ms) }, { text: String(step.pid ?? "–") }];
    return { id: `${step.run_id} ${step.step_key} ${step.attempt} ${step.claimed_at_ms}`, cells };
  });
  const recentRows = recent.map((step) => {
    const [name, ...rest] = aboutStep(step);
    const outcome = { text: step.outcome.replaceAll("_", " "), kind: kindOf(step.outcome), more: step.why ?? "" };
    const times = [
      `${duration(status.now_ms - step.ended_at_ms)} ago`,
      duration(step.ran_ms),
      duration(step.waited_ms),
    ];
    const cells = [name, outcome, ...rest, ...times.map((text) => ({ text }))];
    return { id: `${step.run_id} ${step.step_key} ${step.attempt} ${step.ended_at_ms}`, cells };
  });
  fill("running", runningRows);
  fill("recent", recentRows);
  fill("queues", queues.map(queueRow));
  fill("health", healthRows(status));
  for (const [id, rows] of /** @type {[string, Row[]][]} */ ([
    ["running", runningRows],
    ["recent", recentRows],
  ])) {
    const table = element(id).parentElement;
    if (table !== null) table.hidden = rows.length === 0;
    element(`no-${id}`).hidden = rows.length > 0;
  }
  showSeries(status.series);
  element("main").hidden = false;
}

/** @param {Verdict} ready */
function showVerdict({ ok, why }) {
  const words = ok ? "Takes steps" : "Takes no steps";
  const kind = why === "ok" ? "good" : "warn";
  announce(ok ? kind : "bad", why === "ok" ? words : `${words}: ${why}`);
}

/** @param {string} kind @param {string} text */
function announce(kind, text) {
  element("verdict").setAttribute("data-kind", kind);
  write(element("verdict"), text);
}

function showFreshness() {
  const at = answeredAt === null ? "never" : answeredAt.toLocaleTimeString();
  write(element("fresh"), paused ? `Paused; as of ${at}` : `As of ${at}`);
}

async function ask() {
  clearTimeout(timer);
  if (paused || document.hidden) return;
  try {
    const response = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) throw new Error(`the worker says ${response.status}`);
    const status = await response.json();
    answeredAt = new Date();
    if (!paused) show(status);
    element("main").classList.remove("stale");
  } catch {
    const since = answeredAt === null ? "" : ` since ${answeredAt.toLocaleTimeString()}`;
    announce("bad", `The worker does not answer${since}. What is below is old.`);
    element("main").classList.add("stale");
  }
  showFreshness();
  clearTimeout(timer);
  timer = setTimeout(ask, ASK_MS);
}

element("pause").addEventListener("click", () => {
  paused = !paused;
  element("pause").setAttribute("aria-pressed", String(paused));
  showFreshness();
  void ask();
});
document.addEventListener("visibilitychange", () => void ask());
void ask();
