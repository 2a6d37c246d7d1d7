// Text from outside, cut to what a log or a person can take. Pure.

/**
 * At most `longest` characters and an ellipsis; half of a surrogate pair at the cut is no text that
 * everything takes.
 */
export function shortened(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest).toWellFormed()}…`;
}
