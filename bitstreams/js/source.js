// Where the bytes of a stream come from.
//
// A source has `read(offset, length)`, which gives a Uint8Array (or a promise of one) of that part of the stream, less
// where the stream ends, and `size`, the length of the stream, or null where it is not known. It may be a file, range
// requests (http_source.js), anything.

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
