// Node only: a stream in a file, or at a URL.

import { open } from "node:fs/promises";

import { HttpSource } from "./rscodec.js";

/** A source (source.js), and `close()`. */
export async function openSource(name) {
  if (/^https?:/.test(name)) return Object.assign(new HttpSource(name), { close() {} });
  const file = await open(name);
  return {
    size: (await file.stat()).size,
    async read(offset, length) {
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}
