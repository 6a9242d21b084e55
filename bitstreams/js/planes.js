// The lossless part of a tile: class planes, and bands that are stored exactly (SPEC.md, "Planes").

import { crc32 } from "./crc32.js";
import { PIXELS, arrayOf, bytesOf } from "./dtypes.js";
import { MaskDamaged } from "./errors.js";
import { inflate } from "./inflate.js";
import { CLASS_COUNT } from "./wire.js";

/**
 * Returns { classes: a Uint8Array for each plane, exact: an array of the dtype for each lossless band } of these bytes.
 */
export async function decodePlanes(data, planes, bands, height, width, dtype) {
  const { array, bytes } = PIXELS[dtype];
  const classes = Array.from({ length: planes }, () => new Uint8Array(height * width));
  if (data.length === 0 && bands === 0) return { classes, exact: [] };

  const head = new Head(data);
  const sets = classes.map(() => head.classSet());
  const values = Array.from({ length: bands }, () => head.value(bytes));
  const bitRow = Math.ceil(width / 8);
  const rows = [...sets.flatMap((set) => set.slice(1).map(() => bitRow)),
                ...values.filter((value) => value === null).map(() => width * bytes)];
  const stacks = (await head.body(rows, height)).values();

  classes.forEach((plane, number) => {
    const set = sets[number];
    const rest = set.at(-1);
    plane.fill(rest);
    for (const one of set.slice(0, -1)) setBits(plane, stacks.next().value, one, rest, height, width);
  });
  const exact = values.map((value) => {
    if (value === null) return arrayOf(array, stacks.next().value);
    return new array(height * width).fill(arrayOf(array, value)[0]);
  });
  return { classes, exact };
}

/** Returns crc_decoded of a planes entry. */
export function planesCrc({ classes, exact }) {
  return [...classes, ...exact].reduce((crc, plane) => crc32(bytesOf(plane), crc), 0);
}

function setBits(plane, bits, one, rest, height, width) {
  const bitRow = Math.ceil(width / 8);
  for (let row = 0; row < height; row++) {
    for (let col = 0; col < 8 * bitRow; col++) {
      if (!((bits[row * bitRow + (col >> 3)] >> (7 - (col & 7))) & 1)) continue;
      if (col >= width || plane[row * width + col] !== rest) throw damaged("have pixels of two classes");
      plane[row * width + col] = one;
    }
  }
}

/** Reads the head byte by byte, then inflates the body. */
class Head {
  constructor(data) {
    this._data = data;
    this._at = 0;
  }

  _take(length) {
    const taken = this._data.subarray(this._at, this._at + length);
    if (taken.length < length) throw damaged("are too short");
    this._at += length;
    return taken;
  }

  classSet() {
    const bits = this._take(1)[0];
    if (bits === 0 || bits >= 1 << CLASS_COUNT) throw damaged(`have the impossible class set 0x${bits.toString(16)}`);
    return [...Array(CLASS_COUNT).keys()].filter((c) => (bits >> c) & 1);
  }

  /** Returns the bytes of the only value of a lossless band; null if every pixel follows in the body. */
  value(size) {
    const kind = this._take(1)[0];
    if (kind > 1) throw damaged(`have an exact band of the unknown kind ${kind}`);
    return kind === 0 ? this._take(size) : null;
  }

  /** Returns, for each of `rows`, a stack of `height` rows of that many bytes. */
  async body(rows, height) {
    const filter = rows.length ? this._take(1)[0] : 0;
    const rest = this._data.subarray(this._at);
    const size = rows.reduce((sum, row) => sum + row * height, 0);
    let plain = rest;
    if (rows.length) {
      try {
        plain = await inflate(rest, size);
      } catch (problem) {
        throw damaged(`are unreadable (${problem.message})`);
      }
    }
    if (filter > 1 || plain.length !== size) throw damaged("do not have the size of the tile");
    let at = 0;
    return rows.map((row) => {
      const stack = plain.subarray(at, (at += row * height));
      if (filter) for (let i = row; i < stack.length; i++) stack[i] ^= stack[i - row];
      return stack;
    });
  }
}

function damaged(how) {
  return new MaskDamaged(`the lossless planes of a tile ${how}`);
}
