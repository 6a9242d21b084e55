// The range decoder of SPEC.md, "Symbols": a 64-bit state in two halves, which reads 32-bit words.

import { TileDamaged } from "./errors.js";

const STATE_BYTES = 8;
const TOTAL = 2 ** 16; // sum of the frequencies of a table

/** The frequencies of the symbols -reach..reach and of the escape. */
export class Table {
  constructor(frequencies) {
    this.reach = (frequencies.length - 2) / 2;
    this.starts = new Uint32Array(frequencies.length + 1);
    frequencies.forEach((frequency, entry) => { this.starts[entry + 1] = this.starts[entry] + frequency; });
    if (!Number.isInteger(this.reach) || frequencies.some((one) => one < 1) || this.starts.at(-1) !== TOTAL) {
      throw new Error(`frequencies that are not at least 1 and ${TOTAL} together`);
    }
    this.first = new Uint16Array(256); // the entry of low = 256 i, at which the search starts
    for (let i = 0, entry = 0; i < 256; i++) {
      while (this.starts[entry + 1] <= 256 * i) entry++;
      this.first[i] = entry;
    }
  }
}

/** Reads the symbols of one payload, with |symbol| <= limit. It reads zeros after the end of the payload. */
export class RangeDecoder {
  constructor(payload, limit) {
    if (payload.length < STATE_BYTES) throw damaged("is shorter than any that an encoder writes");
    const padded = new Uint8Array(Math.ceil(payload.length / 4) * 4);
    padded.set(payload);
    this._words = new Uint32Array(padded.buffer);
    this._low = this._words[0];
    this._high = this._words[1];
    this._at = 2;
    this._limit = limit;
    this._mostNibbles = Math.ceil(Math.log2(2 * limit + 1) / 4);
  }

  symbol(table) {
    const { starts } = table;
    const low = this._low & 0xffff;
    let entry = table.first[low >>> 8];
    while (starts[entry + 1] <= low) entry++;
    const frequency = starts[entry + 1] - starts[entry];
    // X becomes frequency * (X div 2^16) + low - start. The lower half of the product is below 2^48.
    const lower = frequency * (((this._high << 16) | (this._low >>> 16)) >>> 0) + (low - starts[entry]);
    const rest = lower % 0x100000000;
    this._drop(frequency * (this._high >>> 16) + (lower - rest) / 0x100000000, rest);
    if (entry <= 2 * table.reach) return entry - table.reach;
    return this._escape(table.reach);
  }

  _escape(reach) {
    let count = 0;
    let nibble;
    do {
      nibble = this._nibble();
      count += nibble;
      if (count > this._mostNibbles) throw damaged("holds a symbol that no encoder writes");
    } while (nibble === 15);
    let raw = 0;
    for (let place = 0; place < count; place++) raw += this._nibble() * 16 ** place;
    const symbol = raw % 2 ? -reach - (raw + 1) / 2 : reach + 1 + raw / 2;
    if (Math.abs(symbol) > this._limit) throw damaged("holds a symbol that no encoder writes");
    return symbol;
  }

  _nibble() {
    const nibble = this._low & 15;
    this._drop(this._high >>> 4, ((this._high << 28) | (this._low >>> 4)) >>> 0);
    return nibble;
  }

  _drop(high, low) {
    if (high === 0 && low < 0x80000000) {
      this._high = low;
      this._low = this._at < this._words.length ? this._words[this._at] : 0;
      this._at++;
    } else {
      this._high = high >>> 0; // only a damaged state has more bits
      this._low = low;
    }
  }
}

function damaged(how) {
  return new TileDamaged(`the payload ${how}`);
}
