// SHA-256. The implementation of the browser is missing on pages over plain HTTP, and cannot hash piece by piece.

const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every((prime) => n % prime)) PRIMES.push(n);
const fraction = (root) => Math.floor((root - Math.floor(root)) * 2 ** 32);
const START = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
const ROUNDS = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));

export class Sha256 {
  constructor() {
    this._state = START.slice();
    this._block = new Uint8Array(64);
    this._words = new Int32Array(64);
    this._length = 0;
  }

  update(bytes) {
    let at = 0;
    let filled = this._length % 64;
    this._length += bytes.length;
    while (at < bytes.length) {
      const part = bytes.subarray(at, at + 64 - filled);
      this._block.set(part, filled);
      at += part.length;
      filled = (filled + part.length) % 64;
      if (filled === 0) this._compress();
    }
    return this;
  }

  /** Returns the digest in hexadecimal digits. Nothing can be added afterwards. */
  hex() {
    const bits = this._length * 8;
    const padding = new Uint8Array(64 - ((this._length + 8) % 64) + 8);
    padding[0] = 128;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(padding.length - 4, bits >>> 0);
    this.update(padding);
    return Array.from(this._state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  _compress() {
    const words = this._words;
    const block = this._block;
    for (let i = 0; i < 16; i++) {
      words[i] = (block[4 * i] << 24) | (block[4 * i + 1] << 16) | (block[4 * i + 2] << 8) | block[4 * i + 3];
    }
    for (let i = 16; i < 64; i++) {
      const x = words[i - 15];
      const y = words[i - 2];
      const low = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3);
      const high = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10);
      words[i] = (words[i - 16] + low + words[i - 7] + high) | 0;
    }
    let [a, b, c, d, e, f, g, h] = this._state;
    for (let i = 0; i < 64; i++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + one) | 0;
      d = c;
      c = b;
      b = a;
      a = (one + two) | 0;
    }
    const state = this._state;
    [a, b, c, d, e, f, g, h].forEach((value, i) => { state[i] += value; });
  }
}

function turn(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}
