// What a server says when it refuses a request.

const CHARACTERS = 200; // of its text that are shown

/** Returns the status of an answer, and the beginning of its body if that is plain text. */
export async function refusal(answer) {
  const status = `the server answers with status ${answer.status}`;
  const plain = /^text\/plain\b/.test(answer.headers.get("Content-Type") ?? "");
  const text = plain ? await beginning(answer).catch(() => "") : "";
  await answer.body?.cancel().catch(() => {}); // the connection may be lost
  return text ? `${status}: ${text}` : status;
}

async function beginning({ body }) {
  if (!body) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let step = await reader.read(); !step.done && text.length <= CHARACTERS; step = await reader.read()) {
    text += decoder.decode(step.value, { stream: true });
  }
  reader.releaseLock();
  text = text.trim();
  return text.length > CHARACTERS ? `${text.slice(0, CHARACTERS)} ...` : text;
}
