// The layers of the exact path (SPEC.md, "Layers"). Numbers are integers below 2^24 in float32, so the order of
// summation does not matter.

import { depthwise, taps } from "./depthwise.js";
import { round } from "./rounding.js";

const POINTWISE_LIMIT = 1023;
const ACCUMULATOR_LIMIT = 2 ** 24;

export class IntegerLayer {
  /** `low` and `high` limit the output. With `activation`, negative values are divided by 8. */
  constructor(products, tensors, name, { activation = true, low = -POINTWISE_LIMIT, high = POINTWISE_LIMIT } = {}) {
    this._weight = tensors.get(`exact.${name}.weight`);
    this._bias = tensors.get(`exact.${name}.bias`);
    this._scale = tensors.get(`exact.${name}.shift`).map((shift) => 2 ** -shift);
    this._slope = activation ? 0.125 : 1;
    this._low = low;
    this._high = high;
    this.outputs = this._bias.length;
    this.inputs = this._weight.length / this.outputs;
    for (let o = 0; o < this.outputs; o++) {
      const row = this._weight.subarray(o * this.inputs, (o + 1) * this.inputs);
      const mass = row.reduce((sum, weight) => sum + Math.abs(weight), 0) * POINTWISE_LIMIT + Math.abs(this._bias[o]);
      if (mass >= ACCUMULATOR_LIMIT) throw new Error(`a channel of ${name} can reach ${mass}, which is not below 2^24`);
    }
    this._product = products.product(this._weight, this._bias, this.inputs, this.outputs);
  }

  /** Computes rows of outputs from `rows` rows of x, `stride` numbers each. `level` is added before the activation. */
  apply(x, stride, rows, level = null) {
    const out = new Float32Array(rows * this.outputs);
    this._product(x, stride, rows, out);
    return this._finish(out, level);
  }

  _finish(out, level) {
    const { outputs, _scale: scale, _slope: slope, _low: low, _high: high } = this;
    for (let at = 0; at < out.length; at += outputs) {
      for (let o = 0; o < outputs; o++) {
        let value = out[at + o] * scale[o];
        if (level !== null) value = round(value) + level[o];
        value = round(Math.max(value, value * slope));
        out[at + o] = Math.min(Math.max(value, low), high);
      }
    }
    return out;
  }
}

/** A layer named `spatial` or `blend`. */
export class IntegerDepthwise extends IntegerLayer {
  constructor(products, tensors, name) {
    super(products, tensors, name);
    this._taps = taps(this._weight);
  }

  over(x, height, width) {
    return this._finish(depthwise(x, height, width, this.outputs, this._taps, this._bias), null);
  }
}
