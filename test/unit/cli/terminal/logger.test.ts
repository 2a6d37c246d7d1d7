// The log goes to the stream it was given, whole, at the level that was asked for.
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { describe, test } from "node:test";
import { flush } from "../../../../cli/terminal/flush.ts";
import { createLogger } from "../../../../cli/terminal/logger.ts";
import type { Level } from "../../../../core/observe.ts";
import { Captured } from "../captured.ts";

function logged(level: Level, format: "auto" | "text" | "json", stream: Captured, times = 1): readonly string[] {
  const { observe } = createLogger({ stream, level, format, worker: "w" });
  const levels = ["debug", "info", "warn", "error"] as const;
  for (let i = 0; i < times; i += 1) for (const one of levels) observe({ event: "e", level: one, message: one });
  return stream.lines;
}

describe("levels", () => {
  const rows: readonly [Level, readonly Level[]][] = [
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
  ];
  for (const [level, expected] of rows) {
    test(`the log at level ${level} has that level and those above it`, () => {
      const lines = logged(level, "json", new Captured()).map((line) => JSON.parse(line).level);
      assert.deepEqual(lines, expected);
    });
  }

  test("the log ignores CONSOLA_LEVEL and a test environment", (t) => {
    const before = { ...process.env };
    t.after(() => {
      process.env = before;
    });
    Object.assign(process.env, { CONSOLA_LEVEL: "0", NODE_ENV: "test", CI: "1" });
    assert.equal(logged("info", "json", new Captured()).length, 3);
  });
});

test("the log has each of many equal lines", () =>
  assert.equal(logged("error", "json", new Captured(), 50).length, 50));

describe("formats", () => {
  const isJson = (line: string | undefined) => line?.startsWith("{") ?? false;
  const rows: readonly ["auto" | "text" | "json", boolean, boolean][] = [
    ["auto", true, false],
    ["auto", false, true],
    ["text", false, false],
    ["json", true, true],
  ];
  for (const [format, isTTY, json] of rows) {
    test(`the log format ${format} is ${json ? "JSON" : "text"} ${isTTY ? "on a terminal" : "elsewhere"}`, () => {
      assert.equal(isJson(logged("info", format, new Captured({ isTTY }))[0]), json);
    });
  }
});

describe("colours", () => {
  const said = (colour: boolean, format: "text" | "json") => {
    const stream = new Captured({ isTTY: true });
    createLogger({ stream, level: "info", format, worker: "w", colour }).observe({
      event: "a.b",
      level: "warn",
      message: "look",
      x: 1,
    });
    return stream.lines[0] ?? "";
  };

  test("colours paint the level and dim all but the message", () => {
    const [time, ...rest] = said(true, "text").split("\u001b");
    assert.equal(time, "");
    assert.deepEqual(rest.slice(1), ["[22m ", "[33mWARN ", "[39m a.b  look ", "[2m x=1", "[22m"]);
  });

  test("colours are in no JSON, and not where they are not wanted", () => {
    assert.ok(!(said(true, "json") + said(false, "text")).includes("\u001b"));
  });
});

describe("flushing", () => {
  test("a flush resolves after the stream took everything", async () => {
    const taken: string[] = [];
    const slow = new Writable({
      decodeStrings: false,
      write: (chunk, _encoding, done) => {
        taken.push(String(chunk));
        setImmediate(done);
      },
    });
    const logger = createLogger({ stream: slow, level: "info", format: "text", worker: "w" });
    for (let i = 0; i < 5; i += 1) logger.observe({ event: "e", level: "info", message: `line ${i}` });
    await logger.flush();
    assert.deepEqual(taken.filter((text) => text !== "").length, 5);
  });

  test("a flush does not wait for a broken stream", async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    broken.on("error", () => undefined);
    broken.write("x");
    await flush(broken);
    broken.destroy();
    await flush(broken);
  });
});
