// A headless Chromium, driven over its DevTools protocol on two pipes. `TASKIQ_CHROMIUM` names
// another program than `chromium`.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

type Params = Readonly<Record<string, unknown>>;
// biome-ignore lint/suspicious/noExplicitAny: the protocol's answers have many forms.
type Answer = any;

interface Message {
  readonly id?: number;
  /** The session of a page. */
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Answer;
  readonly result?: Answer;
  readonly error?: { readonly message: string };
}

export interface Look {
  readonly width: number;
  readonly height: number;
  readonly dark: boolean;
}

export class Chromium {
  readonly #child: ChildProcess;
  readonly #home: string;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  readonly #listeners = new Set<(message: Message) => void>();
  #lastId = 0;
  #rest = "";

  static async start(): Promise<Chromium> {
    const home = mkdtempSync(join(tmpdir(), "taskiq-chromium-"));
    const flags = [
      ...[
        "--headless=new",
        "--remote-debugging-pipe",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
      ],
      ...["--disable-background-networking", "--disable-component-update", `--user-data-dir=${home}`],
    ];
    const program = process.env["TASKIQ_CHROMIUM"] ?? "chromium";
    const child = spawn(program, [...flags, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    const started = once(child, "spawn").catch((error: Error) => {
      rmSync(home, { recursive: true, force: true });
      throw new Error(`${program} cannot be started; install Chromium, or name it in TASKIQ_CHROMIUM`, {
        cause: error,
      });
    });
    await started;
    return new Chromium(child, home);
  }

  constructor(child: ChildProcess, home: string) {
    this.#child = child;
    this.#home = home;
    child.on("exit", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("Chromium has exited"));
    });
    (child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => this.#hear(text));
  }

  async open(url: string, look: Look): Promise<Page> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId);
    await page.begin(url, look);
    return page;
  }

  send(method: string, params: Params = {}, sessionId?: string): Promise<Answer> {
    this.#lastId += 1;
    const id = this.#lastId;
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.set(id, waiting);
    const text = JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) });
    (this.#child.stdio[3] as Writable).write(`${text}\0`);
    return waiting.promise;
  }

  onMessage(listener: (message: Message) => void): void {
    this.#listeners.add(listener);
  }

  async close(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
    // Processes of Chromium that end a moment later may still write to it.
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  #hear(text: string): void {
    const parts = `${this.#rest}${text}`.split("\0");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) {
      const message = JSON.parse(part) as Message;
      const waiting = this.#waiting.get(message.id ?? 0);
      this.#waiting.delete(message.id ?? 0);
      if (message.error !== undefined) waiting?.reject(new Error(message.error.message));
      else waiting?.resolve(message.result);
      for (const listener of this.#listeners) listener(message);
    }
  }
}

export class Page {
  /** Errors, warnings and violations of the page's policy, as the console has them. */
  readonly complaints: string[] = [];
  /** The URLs that the page has asked for. */
  readonly requested: string[] = [];
  readonly #browser: Chromium;
  readonly #session: string;

  constructor(browser: Chromium, session: string) {
    this.#browser = browser;
    this.#session = session;
    browser.onMessage(({ sessionId, method, params }) => {
      if (sessionId !== session) return;
      if (method === "Network.requestWillBeSent") this.requested.push(params.request.url);
      if (method === "Runtime.exceptionThrown") this.complaints.push(params.exceptionDetails.exception?.description);
      if (method === "Log.entryAdded") this.complaints.push(params.entry.text);
    });
  }

  async begin(url: string, { width, height, dark }: Look): Promise<void> {
    for (const domain of ["Page", "Runtime", "Log", "Network", "Accessibility"]) await this.#send(`${domain}.enable`);
    await this.#send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 500,
    });
    const features = [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }];
    await this.#send("Emulation.setEmulatedMedia", { features });
    await this.#send("Page.navigate", { url });
  }

  /** Returns the value of an expression, which may be a promise. */
  async evaluate(expression: string): Promise<Answer> {
    const asked = { expression, returnByValue: true, awaitPromise: true, userGesture: true };
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", asked);
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description);
    return result.value;
  }

  async press(key: string, code: number): Promise<void> {
    const text = key === "Enter" ? { text: "\r" } : {};
    for (const type of ["keyDown", "keyUp"])
      await this.#send("Input.dispatchKeyEvent", { type, key, windowsVirtualKeyCode: code, ...text });
  }

  /** Lets so much time pass for the page's timers, in much less time. */
  async pass(ms: number): Promise<void> {
    const passed = Promise.withResolvers<void>();
    this.#browser.onMessage(({ sessionId, method }) => {
      if (sessionId === this.#session && method === "Emulation.virtualTimeBudgetExpired") passed.resolve();
    });
    await this.#send("Emulation.setVirtualTimePolicy", { policy: "advance", budget: ms });
    await passed.promise;
    await this.#send("Emulation.setVirtualTimePolicy", { policy: "advance" });
  }

  /** Returns role and name of everything that a screen reader finds. */
  async spoken(): Promise<readonly { readonly role: string; readonly name: string }[]> {
    const { nodes } = await this.#send("Accessibility.getFullAXTree");
    return nodes
      .filter(({ ignored }: Answer) => !ignored)
      .map(({ role, name }: Answer) => ({ role: role?.value ?? "", name: name?.value ?? "" }));
  }

  /** Returns a PNG of the page, or of so many pixels of its height. */
  async screenshot(from = 0, height?: number): Promise<Buffer> {
    const width = await this.evaluate("document.documentElement.scrollWidth");
    const clip = height === undefined ? {} : { clip: { x: 0, y: from, width, height, scale: 1 } };
    const { data } = await this.#send("Page.captureScreenshot", { captureBeyondViewport: true, ...clip });
    return Buffer.from(data, "base64");
  }

  #send(method: string, params: Params = {}): Promise<Answer> {
    return this.#browser.send(method, params, this.#session);
  }
}
