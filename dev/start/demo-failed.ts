// Why the demo did not work, in words for the user who typed `npm start`.

export class DemoFailed extends Error {
  /** More lines, such as the end of a log; ends with a line break when not empty. */
  readonly detail: string;

  constructor(message: string, { detail = "", cause }: { readonly detail?: string; readonly cause?: unknown } = {}) {
    super(message, { cause });
    this.detail = detail;
  }
}
