// Turns values into pixels: rounding, and the pixels without a measurement (SPEC.md, "Pixels").

import { PIXELS } from "./dtypes.js";
import { clamp, round } from "./rounding.js";
import { CLASS_MASKED, CLASS_NAN, CLASS_NODATA } from "./wire.js";

const TOLERANCE = 4 * 2 ** -23; // a float within this relative distance counts as the nodata value

/**
 * Turns float64 values into pixels. Integers are rounded to nearest, halves to even; all values are clipped to the
 * type.
 */
export function toPixels(values, dtype) {
  const { array, integer, min, max } = PIXELS[dtype];
  const pixels = new array(values.length);
  for (let i = 0; i < values.length; i++) pixels[i] = clamp(integer ? round(values[i]) : values[i], min, max);
  return pixels;
}

/** Returns the nodata value as a pixel of the type; null if there is none or the type cannot hold it. */
export function nativeNodata(nodata, dtype) {
  const { integer, min, max } = PIXELS[dtype];
  if (nodata === null) return null;
  if (integer) return Number.isInteger(nodata) && nodata >= min && nodata <= max ? nodata : null;
  const value = dtype === "float32" ? Math.fround(nodata) : nodata;
  return Math.abs(value) === Infinity && Math.abs(nodata) !== Infinity ? null : value;
}

/** Returns how far from the nodata value a pixel may be and still count as nodata. */
export function nodataMargin(value, dtype) {
  return PIXELS[dtype].integer ? 0 : TOLERANCE * Math.abs(value);
}

/** In place, moves valid pixels away from the nodata value, and gives the other pixels the value of their class. */
export function protectNodata(pixels, classes, value, dtype) {
  if (value !== null && !Number.isNaN(value)) {
    const margin = nodataMargin(value, dtype);
    const beside = besideNodata(value, dtype);
    for (let i = 0; i < pixels.length; i++) {
      if (pixels[i] === value || Math.abs(pixels[i] - value) < margin) pixels[i] = beside;
    }
  }
  if (classes === null) return;
  const background = value ?? 0;
  for (let i = 0; i < pixels.length; i++) {
    if (classes[i] === CLASS_NODATA || classes[i] === CLASS_MASKED) pixels[i] = background;
    if (classes[i] === CLASS_NAN && !PIXELS[dtype].integer) pixels[i] = NaN;
  }
}

/** Returns the value next to the nodata value that does not count as nodata. */
function besideNodata(value, dtype) {
  const { integer, max, tiny } = PIXELS[dtype];
  if (integer) return value < max ? value + 1 : value - 1;
  if (value === 0) return tiny;
  if (Math.abs(value) === Infinity) return Math.sign(value) * max;
  return value * (1 - 2 * TOLERANCE);
}
