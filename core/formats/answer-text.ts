// The body of an HTTP answer from ECS's own endpoints, which are small. Whatever else answers there
// must not fill the memory.

const LONGEST_ANSWER = 64 * 1024;

/** Rejects when the body is longer than 65,536 characters, and as `fetch` does. */
export async function answerText({ body }: Response): Promise<string> {
  let text = "";
  for await (const chunk of (body ?? new Blob().stream()).pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.length > LONGEST_ANSWER) throw new Error(`its answer is longer than ${LONGEST_ANSWER} characters`);
  }
  return text;
}
