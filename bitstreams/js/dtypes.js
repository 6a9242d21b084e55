// The types of pixels: the array of each type, and its range. Typed arrays are assumed to be little endian, as they are
// wherever JavaScript runs today.

const FLOAT32_MAX = (2 - 2 ** -23) * 2 ** 127;

export const PIXELS = {
  uint8: { array: Uint8Array, bytes: 1, integer: true, min: 0, max: 255 },
  uint16: { array: Uint16Array, bytes: 2, integer: true, min: 0, max: 65535 },
  int16: { array: Int16Array, bytes: 2, integer: true, min: -32768, max: 32767 },
  float32: { array: Float32Array, bytes: 4, integer: false, min: -FLOAT32_MAX, max: FLOAT32_MAX, tiny: 2 ** -126 },
  float64: { array: Float64Array, bytes: 8, integer: false, min: -Number.MAX_VALUE, max: Number.MAX_VALUE,
             tiny: 2 ** -1022 },
};

/** Returns bytes as an array of a type. They are copied, so that they have the alignment of the type. */
export function arrayOf(ArrayType, bytes) {
  return new ArrayType(new Uint8Array(bytes).buffer);
}

/** Returns the bytes of a typed array, not copied. */
export function bytesOf(array) {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
