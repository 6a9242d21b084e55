// Rounding as SPEC.md defines it.

const HALF_WAY = 1.5 * 2 ** 52; // added to a float64, it leaves no bit below 1, so the processor rounds

/** Rounds to the nearest integer, halves to the even one. For |value| < 2^51. */
export function round(value) {
  return value + HALF_WAY - HALF_WAY;
}

export function clamp(value, low, high) {
  return value < low ? low : value > high ? high : value;
}
