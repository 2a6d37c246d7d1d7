// What a person can put right: the message says what was expected and found, the hint what to do
// about it.

export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {string} [hint]
   */
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}
