// The tables of residuals (SPEC.md, "Tables" under "Residual"), in BigInt, since a number has too few bits.

import { Table } from "./rans.js";

const COUNT = 60;
const BITS = 48n;
const ONE = 1n << BITS;

let made = null;

export function logisticTables() {
  made ??= Array.from({ length: COUNT }, (_, i) => new Table(frequencies(i)));
  return made;
}

function frequencies(i) {
  const g = [100n, 126n, 159n][i % 3] << BigInt(Math.floor(i / 3));
  const h = (g << BITS) / (g + 204800n);
  const square = (h * h) >> BITS;
  const tails = [];
  for (let t = h; tails.length < 2 || tails.at(-1) > ONE >> 14n; t = (t * square) >> BITS) {
    tails.push((t << BITS) / (ONE + t));
  }
  const reach = tails.length - 1;
  const whole = BigInt(2 ** 16 - (2 * reach + 2));
  const shares = tails.map((tail) => Number((whole * tail) >> BITS));
  const side = Array.from({ length: reach }, (_, j) => 1 + shares[j] - shares[j + 1]);
  const escape = 1 + 2 * shares[reach];
  const middle = 2 ** 16 - escape - 2 * side.reduce((sum, one) => sum + one, 0);
  return [...[...side].reverse(), middle, ...side, escape];
}
