// Signatures: as Python makes them, over the whole body, by any of the keys, wherever the attribute
// is kept.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { mendLetter } from "../../../core/dead-letters/replay/mend.ts";
import { SIGNATURE_ATTRIBUTE, signatureOf, signedMessage, whyUnsigned } from "../../../core/delivery/signature.ts";
import { deadLetterAttributes } from "../../../core/queue/dead-letter-note.ts";
import type { Message } from "../../../core/queue/port.ts";
import { bodyFor, message } from "../../support/sqs/messages.ts";

const golden = JSON.parse(readFileSync(new URL("../../../fixtures/signature.json", import.meta.url), "utf8"));
const [key, other] = ["0123456789abcdef".repeat(2), "fedcba9876543210".repeat(2)];
const unsigned = message("m1", { body: bodyFor("load") });
const signed = signedMessage(unsigned, unsigned.body, key);
const texts = (attributes: Message["attributes"]) => attributes[SIGNATURE_ATTRIBUTE]?.stringValue;

test("a signature is the one that the executor makes", () => {
  assert.equal(SIGNATURE_ATTRIBUTE, golden.attribute);
  assert.equal(signatureOf(golden.body, golden.key), golden.signature);
});

describe("a message is believed", () => {
  for (const [title, given, keys] of [
    ["signed with the key", signed, [key]],
    ["signed with the second of two keys", signed, [other, key]],
    ["without a signature where there are no keys", unsigned, []],
    ["with a signature where there are no keys", signed, undefined],
  ] as const) {
    test(`a message ${title} is believed`, () => assert.equal(whyUnsigned(given, keys), null));
  }

  test("a dead letter is believed whose signature stands in its note for want of an attribute", () => {
    const more = Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => [`a${i}`, { dataType: "String", stringValue: "x".repeat(200) }]),
    );
    const full = { ...signed, attributes: { ...signed.attributes, ...more } };
    const reason = { reason: "crash_loop", detail: "", errorClass: null, fingerprint: null, starts: 3, worker: "w" };
    const { attributes } = deadLetterAttributes({ message: full, reason, sourceUrl: "u", buriedAtMs: 0 });
    assert.equal(texts(attributes), undefined, "it stands in the note");
    assert.equal(whyUnsigned({ ...full, attributes }, [key]), null);
  });
});

describe("a message is not believed", () => {
  const withText = (stringValue: string): Message => ({
    ...unsigned,
    attributes: { [SIGNATURE_ATTRIBUTE]: { dataType: "String", stringValue } },
  });
  for (const [title, given, why] of [
    ["without a signature", unsigned, /^it has no attribute taskiq-signature\./],
    ["signed with another key", signedMessage(unsigned, unsigned.body, other), /under any of this worker's keys/],
    ["with another body", { ...signed, body: `${signed.body} ` }, /under any of this worker's keys/],
    ["with a part of the signature", withText((texts(signed.attributes) ?? "").slice(0, -1)), /under any/],
    ["with an empty signature", withText(""), /under any/],
    ["with characters of several bytes", withText("ø".repeat(67)), /under any/],
  ] as const) {
    test(`a message ${title} is not believed`, () => assert.match(whyUnsigned(given, [key]) ?? "believed", why));
  }
});

describe("a mended dead letter", () => {
  const body = bodyFor("load", { tags: { "taskiq/timeout": "5m" } });

  test("a mended dead letter gets a new signature of the operator's key in place of the old one", () => {
    for (const letter of [signed, unsigned]) {
      const { message: mended, problem } = mendLetter(letter, body, key);
      assert.deepEqual([mended.body, problem, whyUnsigned(mended, [key])], [body, null, null]);
    }
  });

  test("a mended dead letter that was signed is refused without the key unless its body is unchanged", () => {
    assert.equal(mendLetter(signed, body, null).problem, "unsignable");
    assert.equal(mendLetter(signed, signed.body, null).problem, null);
    assert.equal(mendLetter(unsigned, body, null).problem, null);
  });

  test("a mended dead letter is refused if it names another step", () => {
    assert.equal(mendLetter(signed, bodyFor("other"), key).problem, "misnamed");
  });
});
