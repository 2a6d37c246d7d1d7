// Takes secrets out of text that is about to be shown. Errs on the side of hiding too much.
import { printableJson } from "../../core/formats/printable.ts";

/** Hides the user part of URLs and everything that is named like a password. */
export function redact(text: string): string {
  return (
    text
      // Up to the last @: a password that was not percent-encoded may hold any character, even /
      // and @.
      .replace(/:\/\/\S*@/g, "://***@")
      .replace(/((?:password|passwd|secret|token|signature|credential)[^=\s&]*=)[^&\s]+/gi, "$1***")
  );
}

/** A value as it stands in an error message: quoted, so that blanks and line ends can be seen. */
export function quoteRedacted(text: string): string {
  return printableJson(redact(text));
}
