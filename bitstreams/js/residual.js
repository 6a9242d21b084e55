// The residual: the difference between a tile and its base. It is decoded band by band, in passes over a lattice that
// gets finer (SPEC.md, "Residual"). All numbers are integers in a float64; products stay below 2^53.

import { TileDamaged } from "./errors.js";
import { RESIDUAL_SYMBOL_LIMIT } from "./limits.js";
import { logisticTables } from "./logistic_tables.js";
import { RangeDecoder } from "./rans.js";
import { clamp } from "./rounding.js";

const MARGIN = 4; // around an array, so that every pixel has neighbours
const CLASSES = 28;
const FEWEST = 256; // valid pixels: a pass with fewer has no weights
const WEIGHT_LIMIT = 511;
const [STEP_TABLE, WEIGHT_TABLE, SIDE_TABLE] = [33, 43, 30];

const VERTICAL = [[-1, 0], [1, 0]];
const HORIZONTAL = [[0, -1], [0, 1]];
const DIAGONAL = [[-1, -1], [-1, 1], [1, -1], [1, 1]];
const KNOWN = [[], [DIAGONAL], [VERTICAL, HORIZONTAL], [VERTICAL, HORIZONTAL, DIAGONAL]]; // by kind of pass
const ACTIVITY = [ // by kind of pass and number of previous bands
  [[19], [3, 3, 12], [6, 8, 16, 1, 1]],
  [[6, 22], [2, 15, 2, 3], [3, 19, 2, 1, 1, 0]],
  [[5, 9, 10], [2, 6, 7, 1, 2], [2, 7, 9, 2, 2, 0, 0]],
  [[4, 6, 5, 12], [1, 4, 4, 10, 1, 1], [1, 5, 4, 13, 2, 1, 0, 0]],
];
const PASSES = [{ kind: 0, row: 0, col: 0, every: 8, stride: 4 }];
for (const stride of [4, 2, 1]) {
  PASSES.push({ kind: 1, row: stride, col: stride, every: 2 * stride, stride });
  PASSES.push({ kind: 2, row: stride, col: 0, every: 2 * stride, stride });
  PASSES.push({ kind: 3, row: 0, col: stride, every: 2 * stride, stride });
}

/**
 * Returns the values of each coded band. `payload` is without its nudges. `bases` has a Float64Array for each band.
 * `valid(band, i)` says whether pixel i of a band is valid. `bound` is a Bound.
 */
export function decodeResidual(payload, bases, valid, height, width, bound) {
  const symbols = new RangeDecoder(payload, RESIDUAL_SYMBOL_LIMIT);
  const size = { height, width, stride: width + 2 * MARGIN };
  let before = [];
  const values = bases.map((base, number) => {
    const band = new Band(base, size);
    decodeBand(symbols, band, before, (i) => valid(number, i), size, bound);
    before = [band, ...before].slice(0, 2);
    return band.values(size);
  });
  if (bound.gap) leaveGap(symbols, values, valid, bound.gap);
  return values;
}

/** b, d and amendments of a band, with margins. */
class Band {
  constructor(base, { height, width, stride }) {
    const rows = height + 2 * MARGIN;
    this.base = new Float64Array(rows * stride);
    this.difference = new Float64Array(rows * stride);
    this.amended = new Float64Array(rows * stride);
    for (let row = 0; row < rows; row++) {
      const from = clamp(row - MARGIN, 0, height - 1) * width;
      for (let col = 0; col < stride; col++) {
        this.base[row * stride + col] = base[from + clamp(col - MARGIN, 0, width - 1)];
      }
    }
  }

  values({ height, width, stride }) {
    return Float64Array.from({ length: height * width }, (_, i) => {
      const at = (MARGIN + Math.floor(i / width)) * stride + MARGIN + (i % width);
      return this.base[at] + this.difference[at];
    });
  }
}

function decodeBand(symbols, band, before, valid, size, bound) {
  const tables = logisticTables();
  const chosen = [];
  for (let k = 0, sum = 0; k < CLASSES; k++) {
    sum += symbols.symbol(tables[STEP_TABLE]);
    chosen.push(tables[clamp(k + sum, 0, tables.length - 1)]);
  }
  const edges = Array.from({ length: CLASSES - 1 }, (_, k) => {
    return Math.floor((bound.step * (k % 2 ? 45 : 32) * 2 ** Math.floor(k / 2)) / 16);
  });
  for (const pass of PASSES) {
    const places = validPlaces(pass, valid, size);
    if (!places.length) continue;
    const groups = KNOWN[pass.kind].map((group) => group.map(([r, c]) => pass.stride * (r * size.stride + c)));
    const cross = [...VERTICAL, ...HORIZONTAL].map(([r, c]) => pass.stride * (r * size.stride + c));
    const count = 2 * groups.length + before.length * (1 + groups.length);
    const weights = new Float64Array(places.length >= FEWEST ? count : 0);
    for (let k = 0; k < weights.length; k++) {
      weights[k] = symbols.symbol(tables[WEIGHT_TABLE]);
      if (Math.abs(weights[k]) > WEIGHT_LIMIT) {
        throw new TileDamaged("the residual has a weight that no encoder writes");
      }
    }
    const shares = ACTIVITY[pass.kind][before.length];
    for (const at of places) {
      const predicted = weights.length ? predict(band, before, groups, weights, at) : 0;
      const activity = activityAt(band, before, groups, cross, shares, at);
      let kind = 0;
      while (kind < edges.length && edges[kind] <= activity) kind++;
      const ground = band.base[at];
      const value = ground + predicted + bound.step * symbols.symbol(chosen[kind]);
      const difference = clamp(value, bound.low, bound.high) - ground;
      band.difference[at] = difference;
      band.amended[at] = Math.abs(difference - predicted);
    }
  }
}

/** Returns the positions, in an array with margins, of the valid pixels of a pass, row by row. */
function validPlaces({ row, col, every }, valid, { height, width, stride }) {
  const places = [];
  for (let r = row; r < height; r += every) {
    for (let c = col; c < width; c += every) {
      if (valid(r * width + c)) places.push((MARGIN + r) * stride + MARGIN + c);
    }
  }
  return places;
}

/** Returns p, which predicts d of a pixel from its weighted features. */
function predict(band, before, groups, weights, at) {
  let k = 0;
  let sum = 128;
  for (const group of groups) sum += weights[k++] * mean4(band.difference, group, at);
  for (const group of groups) sum += weights[k++] * (mean4(band.base, group, at) - 4 * band.base[at]);
  for (const other of before) {
    sum += weights[k++] * 4 * other.difference[at];
    for (const group of groups) sum += weights[k++] * mean4(other.difference, group, at);
  }
  return Math.floor(sum / 256);
}

function activityAt(band, before, groups, cross, shares, at) {
  const middle = band.base[at];
  let gradient = 0;
  for (const step of cross) gradient += Math.abs(band.base[at + step] - middle);
  let k = 0;
  let sum = shares[k++] * gradient;
  for (const group of groups) sum += shares[k++] * mean4(band.amended, group, at);
  for (const other of before) {
    sum += shares[k++] * 4 * other.amended[at];
    sum += shares[k++] * mean4(other.amended, cross, at);
  }
  return sum;
}

/** Returns four times the mean of the neighbours in these directions, of which there are two or four. */
function mean4(values, group, at) {
  let sum = 0;
  for (let i = 0; i < group.length; i++) sum += values[at + group[i]];
  return group.length === 2 ? 2 * sum : sum;
}

function leaveGap(symbols, values, valid, [first, last]) {
  const side = logisticTables()[SIDE_TABLE];
  values.forEach((band, number) => {
    for (let i = 0; i < band.length; i++) {
      if (band[i] < first || band[i] > last || !valid(number, i)) continue;
      band[i] = symbols.symbol(side) === 0 ? last + 1 : first - 1;
    }
  });
}
