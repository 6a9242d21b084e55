// The bytes of a stream.
//
// A source has `read(offset, length)`, which returns that part of the stream, or less at its end, as a Uint8Array or a
// promise of one. Its `size` is the length of the stream, or null if unknown. A source may be a file, range requests
// (http_source.js), or anything else.

/** A stream in memory. */
export function memorySource(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** A Blob, such as a File that was dropped onto a page. */
export function blobSource(blob) {
  return {
    size: blob.size,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  };
}
