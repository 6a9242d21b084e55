// Inflates zlib streams with the decompressor of the browser or of Node, up to a limit.

/** Inflates one whole zlib stream, with nothing after it, to at most `limit` bytes. Throws Error otherwise. */
export async function inflate(data, limit) {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate"));
  const parts = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    let step;
    try {
      step = await reader.read();
    } catch (problem) {
      throw new Error(`zlib: ${problem.message}`);
    }
    if (step.done) break;
    size += step.value.length;
    if (size > limit) {
      await reader.cancel().catch(() => {});
      throw new Error(`it inflates to more than ${limit} bytes`);
    }
    parts.push(step.value);
  }
  const plain = concatenate(parts, size);
  const last = new DataView(data.buffer, data.byteOffset + data.length - 4, 4).getUint32(0);
  // not every runtime reports bytes after the end of the stream
  if (last !== adler32(plain)) throw new Error("its zlib stream has something after it");
  return plain;
}

export function concatenate(parts, size = parts.reduce((sum, part) => sum + part.length, 0)) {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function adler32(bytes) {
  let a = 1;
  let b = 0;
  for (let i = 0; i < bytes.length; ) {
    const end = Math.min(i + 3800, bytes.length); // b stays below 2^31
    for (; i < end; i++) {
      a += bytes[i];
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}
