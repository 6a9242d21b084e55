// Values -> pixels: rounding, and what stands where nothing was measured (SPEC.md, "Pixels").

import { PIXELS } from "./dtypes.js";
import { clamp, round } from "./rounding.js";
import { CLASS_MASKED, CLASS_NAN, CLASS_NODATA } from "./wire.js";

const TOLERANCE = 4 * 2 ** -23; // within which a float is taken for the nodata value

/** Float64 values as pixels: integers are rounded to nearest, halves to even; all are clipped to the type. */
export function toPixels(values, dtype) {
  const { array, integer, min, max } = PIXELS[dtype];
  const pixels = new array(values.length);
  for (let i = 0; i < values.length; i++) pixels[i] = clamp(integer ? round(values[i]) : values[i], min, max);
  return pixels;
}

/** The nodata value as a pixel of the type; null if there is none or the type cannot hold it. */
export function nativeNodata(nodata, dtype) {
  const { integer, min, max } = PIXELS[dtype];
  if (nodata === null) return null;
  if (integer) return Number.isInteger(nodata) && nodata >= min && nodata <= max ? nodata : null;
  const value = dtype === "float32" ? Math.fround(nodata) : nodata;
  return Math.abs(value) === Infinity && Math.abs(nodata) !== Infinity ? null : value;
}

/** How far from the nodata value a pixel may be and is taken for it. */
export function nodataMargin(value, dtype) {
  return PIXELS[dtype].integer ? 0 : TOLERANCE * Math.abs(value);
}

/** In place: valid pixels that came to be the nodata value leave it, and those that are not valid get theirs. */
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

/** The value next to the nodata value that nobody takes for it. */
function besideNodata(value, dtype) {
  const { integer, max, tiny } = PIXELS[dtype];
  if (integer) return value < max ? value + 1 : value - 1;
  if (value === 0) return tiny;
  if (Math.abs(value) === Infinity) return Math.sign(value) * max;
  return value * (1 - 2 * TOLERANCE);
}
