// `--print-config`: every option with its value and origin, secrets left out.
import { printableJson, printableLine } from "../../core/formats/printable.ts";
import { redact } from "./redact.ts";
import { originText, type Setting } from "./resolve.ts";

/** One option a line: flag, value as it was given, origin. */
export function configText(settings: readonly Setting[]): string {
  const rows = settings.map(({ option, texts, origin }) => {
    const counted = option.repeats ? texts : texts.slice(-1);
    const shown = counted.map((text) => (option.secret ? "***" : showText(text))).join(" ") || "-";
    const unset = counted.length === 0 && option.absent !== null;
    return { flag: option.flag, shown, origin: unset ? `default: ${option.absent}` : originText(origin) };
  });
  const flagWidth = Math.max(...rows.map(({ flag }) => flag.length));
  const valueWidth = Math.max(...rows.map(({ shown }) => shown.length));
  const lines = rows.map(
    ({ flag, shown, origin }) => `${flag.padEnd(flagWidth)}  ${shown.padEnd(valueWidth)}  (${origin})`,
  );
  return `${lines.join("\n")}\n`;
}

function showText(text: string): string {
  const shown = redact(text);
  return /^[^\s"']+$/.test(shown) ? printableLine(shown) : printableJson(shown);
}
