// Whether a queue is on AWS itself, seen from the outside.

const suffixes = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];

/** The endpoint decides; without one the queue's URL does; with neither, the SDK goes to AWS. */
export function isAws(endpointUrl: string | null, queueUrl: string | null): boolean {
  const url = endpointUrl ?? queueUrl;
  if (url === null || !URL.canParse(url)) return true;
  const host = new URL(url).hostname;
  return suffixes.some((suffix) => host.endsWith(suffix));
}
