// Turns latents into network channels (SPEC.md, "Synthesis"), in float32, or in float64 for bounded streams.

import { depthwise, taps } from "./depthwise.js";
import { productsOf } from "./products.js";
import { atQuality } from "./weights.js";

const SLOPE = 0.05;
const STRIDE = 16;
const CHUNK = 96; // positions whose widest features are in memory at once
const UNIT = 16;

export class Synthesis {
  constructor({ config, tensors }, ArrayType) {
    const products = productsOf(ArrayType);
    const layer = (name) => new Pointwise(products, ArrayType, tensors, name);
    const block = (name) => new Block(layer, ArrayType, tensors, name);
    const blocks = (name, count) => Array.from({ length: count }, (_, i) => block(`${name}.${i}`));
    this._config = config;
    this._tensors = tensors;
    this._Array = ArrayType;
    this._products = products;
    this._stem = layer("stem");
    this._blocks = blocks("blocks", config.decoder_blocks);
    this._narrow = layer("narrow");
    this._tail = [block("tail"), ...blocks("tail_blocks", config.tail_blocks - 1)];
    this._head = layer("head");
    if (config.detail) {
      this._detail = { narrow: layer("detail.narrow"),
                       blocks: blocks("detail.blocks", config.detail_blocks),
                       head: layer("detail.head") };
    }
    this._sketches = new Map();
    this._linear = transposed(tensors.get("synthesis.linear.weight"), config.latents);
    this._rough = products.product(this._linear, null, config.latents, 3 * STRIDE ** 2);
  }

  /**
   * Turns latents (height, width, N) at a wire quality into three planes of 16 height x 16 width values, one after
   * another.
   */
  channels(latents, height, width, steps) {
    const { latents: count } = this._config;
    const positions = height * width;
    const [logStep, logGain, spread] = ["log_step", "log_trunk_out", "spread"].map((name) => this._tensors.get(name));
    const [step, gain] = [logStep, logGain].map((table) => atQuality(table, steps).map(Math.exp));
    const y = this._inUnits(latents, step, count);
    const scaled = new this._Array(y.length);
    for (let at = 0; at < y.length; at += count) for (let k = 0; k < count; k++) scaled[at + k] = y[at + k] / spread[k];

    let x = shuffle(this._stem.apply(scaled, positions), height, width, 2);
    for (let at = 0; at < x.length; at += gain.length) for (let k = 0; k < gain.length; k++) x[at + k] *= gain[k];
    for (const block of this._blocks) block.apply(x, 2 * height, 2 * width);
    x = shuffle(this._narrow.apply(x, 4 * positions), 2 * height, 2 * width, 2);
    for (const block of this._tail) block.apply(x, 4 * height, 4 * width);

    const out = new this._Array(3 * STRIDE ** 2 * positions).fill(0.5);
    const rough = new this._Array(3 * STRIDE ** 2 * positions);
    this._rough(y, count, positions, rough);
    addShuffled(out, rough, height, width, STRIDE, 1 / 255);
    addShuffled(out, this._head.apply(x, 16 * positions), 4 * height, 4 * width, 4, 1 / 8);
    if (this._detail) {
      x = shuffle(this._detail.narrow.apply(x, 16 * positions), 4 * height, 4 * width, 2);
      for (const block of this._detail.blocks) block.apply(x, 8 * height, 8 * width);
      addShuffled(out, this._detail.head.apply(x, 64 * positions), 8 * height, 8 * width, 2, 1 / 8);
    }
    return out;
  }

  /**
   * Returns the output of `linear` alone for the first channels (height, width, n), averaged to `detail` x `detail` per
   * latent.
   */
  sketch(latents, height, width, steps, detail) {
    const positions = height * width;
    const count = latents.length / positions;
    const step = atQuality(this._tensors.get("log_step"), steps).map(Math.exp);
    const y = this._inUnits(latents, step, count);
    const out = new this._Array(3 * detail ** 2 * positions).fill(0.5);
    const rough = new this._Array(out.length);
    if (!this._sketches.has(detail)) this._sketches.set(detail, this._averaged(count, detail));
    this._sketches.get(detail)(y, count, positions, rough);
    addShuffled(out, rough, height, width, detail, 1 / 255);
    return out;
  }

  /** Returns latents in 8-bit grey levels. */
  _inUnits(latents, step, count) {
    const y = new this._Array(latents.length);
    for (let at = 0; at < y.length; at += count) {
      for (let k = 0; k < count; k++) y[at + k] = (latents[at + k] * step[k]) / UNIT;
    }
    return y;
  }

  /** Returns the product with the averaged kernels of `linear` for the first channels. */
  _averaged(count, detail) {
    const { latents } = this._config;
    const edge = STRIDE / detail;
    const kernels = new Float64Array(3 * detail ** 2 * count);
    for (let at = 0; at < 3 * STRIDE ** 2; at++) {
      const [channel, i, j] = [Math.floor(at / STRIDE ** 2), Math.floor(at / STRIDE) % STRIDE, at % STRIDE];
      const to = (channel * detail + Math.floor(i / edge)) * detail + Math.floor(j / edge);
      for (let n = 0; n < count; n++) kernels[to * count + n] += this._linear[at * latents + n] / edge ** 2;
    }
    return this._products.product(kernels, null, count, 3 * detail ** 2);
  }
}

class Pointwise {
  constructor(products, ArrayType, tensors, name) {
    const [weight, bias] = ["weight", "bias"].map((part) => tensors.get(`synthesis.${name}.${part}`));
    this._Array = ArrayType;
    this.outputs = bias.length;
    this._inputs = weight.length / bias.length;
    this._product = products.product(weight, bias, this._inputs, this.outputs);
  }

  apply(x, rows, out = new this._Array(rows * this.outputs)) {
    this._product(x, this._inputs, rows, out);
    return out;
  }
}

class Block {
  constructor(layer, ArrayType, tensors, name) {
    this._Array = ArrayType;
    this._enter = layer(`${name}.enter`);
    this._taps = taps(tensors.get(`synthesis.${name}.spatial.weight`));
    this._bias = tensors.get(`synthesis.${name}.spatial.bias`);
    this._leave = layer(`${name}.leave`);
    this._expand = layer(`${name}.expand`);
    this._contract = layer(`${name}.contract`);
  }

  /** Computes, in place, x + leave(spatial(act(enter(x)))), then x + contract(fold(expand(x))). */
  apply(x, height, width) {
    const channels = this._bias.length;
    const inner = this._enter.apply(x, height * width);
    for (let i = 0; i < inner.length; i++) if (inner[i] < 0) inner[i] *= SLOPE;
    add(x, this._leave.apply(depthwise(inner, height, width, channels, this._taps, this._bias), height * width));

    const wide = new this._Array(CHUNK * 4 * channels);
    const folded = new this._Array(CHUNK * 2 * channels);
    const change = new this._Array(CHUNK * channels);
    for (let first = 0; first < height * width; first += CHUNK) {
      const rows = Math.min(CHUNK, height * width - first);
      const part = x.subarray(first * channels, (first + rows) * channels);
      fold(this._expand.apply(part, rows, wide), rows, 2 * channels, folded);
      add(part, this._contract.apply(folded, rows, change));
    }
  }
}

/** Adds the two activated halves of (rows, 2C): (rows, C). */
function fold(x, rows, channels, out) {
  for (let row = 0; row < rows; row++) {
    const to = row * channels;
    for (let k = 0; k < channels; k++) {
      const a = x[2 * to + k];
      const b = x[2 * to + channels + k];
      out[to + k] = (a < 0 ? a * SLOPE : a) + (b < 0 ? b * SLOPE : b);
    }
  }
}

function add(x, change) {
  for (let i = 0; i < x.length; i++) x[i] += change[i];
}

/** Rearranges (height, width, C r r) to (r height, r width, C). */
function shuffle(x, height, width, r) {
  const channels = x.length / (height * width * r * r);
  const out = new x.constructor(x.length);
  for (let place = 0; place < height * width; place++) {
    const row = r * Math.floor(place / width);
    const col = r * (place % width);
    for (let part = 0; part < r * r; part++) {
      const to = ((row + Math.floor(part / r)) * r * width + col + (part % r)) * channels;
      const from = place * channels * r * r + part;
      for (let k = 0; k < channels; k++) out[to + k] = x[from + k * r * r];
    }
  }
  return out;
}

/** Adds `factor` times x (height, width, 3 r r), shuffled, to three planes. */
function addShuffled(planes, x, height, width, r, factor) {
  for (let channel = 0; channel < 3; channel++) {
    for (let row = 0; row < r * height; row++) {
      const to = (channel * r * height + row) * r * width;
      const from = Math.floor(row / r) * width * 3 * r * r + channel * r * r + (row % r) * r;
      for (let place = 0; place < width; place++) {
        for (let j = 0; j < r; j++) planes[to + place * r + j] += factor * x[from + place * 3 * r * r + j];
      }
    }
  }
}

/** Transposes (rows, columns) to (columns, rows). */
function transposed(matrix, rows) {
  const columns = matrix.length / rows;
  return Float64Array.from({ length: matrix.length }, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]);
}
