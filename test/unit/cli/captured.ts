// Streams that keep what is written to them.
import { Writable } from "node:stream";

export class Captured extends Writable {
  text = "";
  readonly isTTY: boolean;

  constructor({ isTTY = false } = {}) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    done();
  }

  get lines(): readonly string[] {
    return this.text.split("\n").slice(0, -1);
  }
}
