// Text from outside, cut to what a log or a person can take. Pure.

/**
 * Returns at most `longest` characters and an ellipsis. Never cuts a surrogate pair in half,
 * because some readers refuse half a pair.
 */
export function shortened(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest).toWellFormed()}…`;
}
