// Node only: the arrays of an .npz file of NumPy, the format of the pixels of the frozen vectors.

import { inflateRawSync } from "node:zlib";

const TYPES = { "|u1": Uint8Array, "<u2": Uint16Array, "<i2": Int16Array, "<f4": Float32Array, "<f8": Float64Array };
const [ENTRY, END] = [0x02014b50, 0x06054b50];

/** Parses a Buffer to { name: { data: a typed array, shape } }. */
export function readNpz(file) {
  const end = file.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < 0 || file.readUInt32LE(end) !== END) throw new Error("not a zip file");
  const arrays = {};
  let at = file.readUInt32LE(end + 16);
  while (file.readUInt32LE(at) === ENTRY) {
    const method = file.readUInt16LE(at + 10);
    const size = file.readUInt32LE(at + 20);
    const [nameLength, extra, comment] = [28, 30, 32].map((place) => file.readUInt16LE(at + place));
    const name = file.toString("utf8", at + 46, at + 46 + nameLength);
    const local = file.readUInt32LE(at + 42);
    const begin = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
    const packed = file.subarray(begin, begin + size);
    arrays[name.replace(/\.npy$/, "")] = readNpy(method === 8 ? inflateRawSync(packed) : packed);
    at += 46 + nameLength + extra + comment;
  }
  return arrays;
}

function readNpy(file) {
  const wide = file[6] > 1; // version 2 has a longer length field
  const length = wide ? file.readUInt32LE(8) : file.readUInt16LE(8);
  const begin = wide ? 12 : 10;
  const header = file.toString("latin1", begin, begin + length);
  const ArrayType = TYPES[/'descr': '([^']+)'/.exec(header)[1]];
  if (!ArrayType || !/'fortran_order': False/.test(header)) throw new Error(`an array of another kind: ${header}`);
  const shape = /'shape': \(([^)]*)\)/.exec(header)[1].split(",").filter((n) => n.trim()).map(Number);
  return { data: new ArrayType(new Uint8Array(file.subarray(begin + length)).buffer), shape };
}
