// Turns a payload into latents: the range decoder, and the networks that predict (SPEC.md, "Order of decoding").

import { TileDamaged } from "./errors.js";
import { IntegerDepthwise, IntegerLayer } from "./integer_layers.js";
import { SYMBOL_LIMIT, Z_LIMIT } from "./limits.js";
import { productsOf } from "./products.js";
import { RangeDecoder, Table } from "./rans.js";
import { clamp, round } from "./rounding.js";
import { atQuality } from "./weights.js";

const UNIT = 16; // one quantisation step
const Z_STRIDE = 4;
const MU = { activation: false, low: -8191, high: 8191 };
const INDEX = { activation: false, low: 0, high: 63 };
const ANCHORS = [[0, 0], [1, 1]];
const OTHERS = [[0, 1], [1, 0]];

export class EntropyDecoder {
  constructor({ config, tensors }) {
    const products = productsOf(Float32Array);
    this._config = config;
    this._tensors = tensors;
    this._tables = tablesOf(tensors);
    const layer = (name, options) => new IntegerLayer(products, tensors, name, options);
    this._first = layer("hyper.first");
    this._spatial = new IntegerDepthwise(products, tensors, "hyper.spatial");
    this._second = layer("hyper.second");
    this._blend = new IntegerDepthwise(products, tensors, "hyper.blend");
    this._last = layer("hyper.last");
    this._groups = config.groups.map((count, g) => ({
      count,
      mix: layer(`groups.${g}.mix`),
      spatial: new IntegerDepthwise(products, tensors, `groups.${g}.spatial`),
      anchors: { hidden: layer(`groups.${g}.anchor_hidden`), mu: layer(`groups.${g}.anchor_mu`, MU),
                 index: layer(`groups.${g}.anchor_index`, INDEX) },
      others: { hidden: layer(`groups.${g}.other_hidden`), mu: layer(`groups.${g}.other_mu`, MU),
                index: layer(`groups.${g}.other_index`, INDEX) },
    }));
  }

  /**
   * Returns the latents (height, width, N) of one payload at a wire quality. With `count`, returns those of the first
   * groups only.
   */
  decode(payload, height, width, steps, count = this._groups.length) {
    const { latents: all, features, hyper } = this._config;
    const groups = this._groups.slice(0, count);
    const channels = groups.reduce((sum, group) => sum + group.count, 0);
    const latents = new Int16Array(height * width * channels);
    if (payload.length === 1 && payload[0] === 0) return latents;
    const [zHeight, zWidth] = [Math.ceil(height / Z_STRIDE), Math.ceil(width / Z_STRIDE)];
    if (payload.length > 4 * (zHeight * zWidth * hyper + height * width * all) + 16) {
      throw new TileDamaged("the payload is longer than any that an encoder writes");
    }
    const symbols = new RangeDecoder(payload, SYMBOL_LIMIT);
    const z = this._readZ(symbols, zHeight * zWidth, steps);
    const h = this._hyperDecode(z, zHeight, zWidth, steps);

    // The input of the groups: F channels of the hyper decoder, then the companded latents, as they become known.
    const stride = features + channels;
    const context = new Float32Array(height * width * stride);
    for (let row = 0; row < height; row++) {
      for (let col = 0; col < width; col++) {
        const from = (row * 4 * zWidth + col) * features;
        context.set(h.subarray(from, from + features), (row * width + col) * stride);
      }
    }
    let known = 0;
    for (const group of groups) {
      const own = { latents, channels, first: known, count: group.count, context, stride, at: features + known };
      const mixed = group.mix.apply(context, stride, height * width);
      const u = group.spatial.over(mixed, height, width);
      this._pass(symbols, group.anchors, ANCHORS, u, own, height, width, false);
      this._pass(symbols, group.others, OTHERS, u, own, height, width, true);
      known += group.count;
    }
    return latents;
  }

  _readZ(symbols, positions, steps) {
    const mu = atQuality(this._tensors.get("exact.z_mu"), steps).map(round);
    const index = atQuality(this._tensors.get("exact.z_index"), steps).map(round);
    const z = new Float32Array(positions * mu.length);
    for (let i = 0; i < z.length; i++) {
      const channel = i % mu.length;
      z[i] = mu[channel] + symbols.symbol(this._tables[index[channel]]);
      if (Math.abs(z[i]) > Z_LIMIT) {
        throw new TileDamaged("the payload holds side information that no encoder writes");
      }
    }
    return z;
  }

  _hyperDecode(z, height, width, steps) {
    const level = atQuality(this._tensors.get("exact.levels"), steps).map(round);
    let x = this._first.apply(z.map((value) => 8 * value), this._config.hyper, height * width, level);
    x = this._spatial.over(shuffle(x, height, width), 2 * height, 2 * width);
    x = this._second.apply(x, this._second.inputs, 4 * height * width);
    x = this._blend.over(shuffle(x, 2 * height, 2 * width), 4 * height, 4 * width);
    return this._last.apply(x, this._last.inputs, 16 * height * width);
  }

  /** Reads the latents of one group on one colour of the checkerboard. */
  _pass(symbols, heads, phases, u, own, height, width, withAnchors) {
    const { features } = this._config;
    const inputs = heads.hidden.inputs;
    const places = positions(phases, height, width);
    const rows = new Float32Array(places.length * inputs);
    places.forEach((place, i) => {
      rows.set(u.subarray(place * features, (place + 1) * features), i * inputs);
      if (withAnchors) copyNeighbours(own, place, height, width, rows, i * inputs + features);
    });
    const hidden = heads.hidden.apply(rows, inputs, places.length);
    const mu = heads.mu.apply(hidden, features, places.length);
    const index = heads.index.apply(hidden, features, places.length);

    const { latents, channels, first, count, context, stride, at } = own;
    for (let i = 0; i < places.length; i++) {
      const to = places[i] * channels + first;
      const seen = places[i] * stride + at;
      for (let k = 0; k < count; k++) {
        const table = index[i * count + k];
        const symbol = table === 0 ? 0 : symbols.symbol(this._tables[table]);
        const value = mu[i * count + k] + UNIT * symbol;
        latents[to + k] = value;
        context[seen + k] = compand(value);
      }
    }
  }
}

function tablesOf(tensors) {
  const frequencies = tensors.get("exact.frequencies");
  let at = 0;
  const tables = Array.from(tensors.get("exact.reaches"), (reach) => {
    return new Table(frequencies.subarray(at, (at += 2 * reach + 2)));
  });
  if (at !== frequencies.length) throw new Error(`${frequencies.length} frequencies where the tables need ${at}`);
  return tables;
}

/**
 * Returns the positions (row * width + column) of these phases (row, column) of the 2x2 lattice, one phase after the
 * other.
 */
function positions(phases, height, width) {
  const found = [];
  for (const [row, col] of phases) {
    for (let r = row; r < height; r += 2) for (let c = col; c < width; c += 2) found.push(r * width + c);
  }
  return found;
}

/** Copies the known latents of the group above, below, left and right of a position into `rows`. */
function copyNeighbours({ context, stride, at, count }, place, height, width, rows, to) {
  const col = place % width;
  const around = [place >= width, place < (height - 1) * width, col > 0, col < width - 1];
  const steps = [-width, width, -1, 1];
  for (let side = 0; side < 4; side++) {
    if (!around[side]) continue;
    const from = (place + steps[side]) * stride + at;
    for (let k = 0; k < count; k++) rows[to + side * count + k] = context[from + k];
  }
}

function compand(y) {
  return round((12 * clamp(y, -128, 128) + 3 * clamp(y, -1024, 1024) + clamp(y, -8192, 8192)) / 16);
}

/** Rearranges (height, width, 4C) to (2 height, 2 width, C). */
function shuffle(x, height, width) {
  const channels = x.length / (4 * height * width);
  const out = new Float32Array(x.length);
  for (let place = 0; place < height * width; place++) {
    const row = 2 * Math.floor(place / width);
    const col = 2 * (place % width);
    for (let part = 0; part < 4; part++) {
      const from = (4 * place + part) * channels;
      const to = ((row + (part >> 1)) * 2 * width + col + (part & 1)) * channels;
      out.set(x.subarray(from, from + channels), to);
    }
  }
  return out;
}
