// Bounded pixel errors: turns the base into integers, and the integers into pixels (SPEC.md, "Residual").

import { PIXELS } from "./dtypes.js";
import { nativeNodata, nodataMargin } from "./pixels.js";
import { clamp } from "./rounding.js";

const UNITS = 2 ** 30; // a float is at most this many units from 0

export class Bound {
  constructor(largest, dtype, nodata) {
    const { integer, min, max } = PIXELS[dtype];
    this._dtype = dtype;
    this._unit = integer ? 1 : largest / 32;
    this.step = 2 * (integer ? largest : 31) + 1;
    this.low = integer ? min : -UNITS;
    this.high = integer ? max : UNITS;
    this.gap = null;
    this._setGap(nativeNodata(nodata, dtype));
  }

  /** Turns v (SPEC.md) of one band, in pixels, into its base. */
  base(v, nudge) {
    return v.map((value) => clamp(Math.floor(value / this._unit + 0.5 + nudge / 256), this.low, this.high));
  }

  /** Turns values of one band into pixels. */
  pixels(values) {
    return PIXELS[this._dtype].array.from(values, (value) => value * this._unit);
  }

  /** Excludes the values that would be read as nodata: from the range if they reach its end, otherwise as a gap. */
  _setGap(value) {
    if (value === null || !(Math.abs(value) / this._unit < 2 * UNITS)) return;
    const margin = nodataMargin(value, this._dtype);
    const first = Math.floor((value - margin) / this._unit);
    const last = Math.ceil((value + margin) / this._unit);
    if (last < this.low || first > this.high) return;
    if (first <= this.low) this.low = last + 1;
    else if (last >= this.high) this.high = first - 1;
    else this.gap = [first, last];
  }
}
