// The safetensors format: a length, a JSON header, then the bytes of the tensors.

import { arrayOf } from "./dtypes.js";

const HEADER_LIMIT = 2 ** 24;
const TYPES = { F16: { bytes: 2 }, F32: { bytes: 4, array: Float32Array }, I8: { bytes: 1, array: Int8Array },
                I16: { bytes: 2, array: Int16Array }, I32: { bytes: 4, array: Int32Array } };

/** Parses a file to { metadata, tensors: Map of name to { type, shape, bytes } }. Throws Error for other files. */
export function readSafetensors(buffer) {
  const file = new Uint8Array(buffer);
  if (file.length < 8) throw new Error("it has fewer than 8 bytes");
  const view = new DataView(file.buffer);
  const length = view.getUint32(0, true);
  if (view.getUint32(4, true) !== 0 || length > Math.min(HEADER_LIMIT, file.length - 8)) {
    throw new Error("its header is longer than the file or the limit");
  }
  const header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + length)));
  if (header === null || typeof header !== "object") throw new Error("its header is not an object");
  const body = file.subarray(8 + length);
  const tensors = new Map();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const { dtype, shape, data_offsets: offsets } = entry ?? {};
    if (!Array.isArray(shape) || !Array.isArray(offsets)) throw new Error(`${name} has no shape or place`);
    const [begin, end] = offsets;
    const whole = [...shape, begin, end].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!whole || begin > end || end > body.length) throw new Error(`${name} lies outside the file`);
    if (Object.hasOwn(TYPES, dtype) && end - begin !== count(shape) * TYPES[dtype].bytes) {
      throw new Error(`${name} has ${end - begin} bytes, which do not fit its shape`);
    }
    tensors.set(name, { type: dtype, shape, bytes: body.subarray(begin, end) });
  }
  return { metadata: header.__metadata__ ?? {}, tensors };
}

/** Returns the numbers of a tensor as float64, which represents all of these types exactly. */
export function numbersOf({ type, bytes }) {
  if (type === "F16") return halves(arrayOf(Uint16Array, bytes));
  return Float64Array.from(arrayOf(TYPES[type].array, bytes));
}

function count(shape) {
  return shape.reduce((product, n) => product * n, 1);
}

function halves(bits) {
  const numbers = new Float64Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const exponent = (bits[i] >> 10) & 31;
    const fraction = bits[i] & 1023;
    const size = exponent === 31 ? (fraction ? NaN : Infinity)
      : exponent ? (1024 + fraction) * SCALES[exponent] : fraction * SCALES[1];
    numbers[i] = bits[i] >> 15 ? -size : size;
  }
  return numbers;
}

const SCALES = Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 25));
