// The limits of SPEC.md, "Limits". Each is checked before bytes are read or memory is allocated.

export const MAX_EDGE = 2 ** 20;
export const MAX_BANDS = 16;
export const MAX_GROUPS = 8;
export const MAX_TILES = 2 ** 20;
export const TILE_UNIT = 64;
export const MAX_TILE = 32 * TILE_UNIT;
export const MAX_METADATA_BYTES = 2 ** 24;
export const MAX_METADATA_DEPTH = 32;
export const MAX_RADIOMETRY_BYTES = 2 ** 12;
export const MAX_BOUND_BYTES = 8;
export const MAX_INTEGER_BOUND = 65535;
export const MIN_FLOAT_BOUND = 2 ** -1017;
export const MAX_GROUP_BYTES_PER_PIXEL = 8;
export const MAX_RESIDUAL_BYTES_PER_SAMPLE = 8;
export const SYMBOL_LIMIT = 1500;
export const Z_LIMIT = 127;
export const RESIDUAL_SYMBOL_LIMIT = 2 ** 26;

/** The most width x height x bands that one call returns as pixels, unless the caller allows more. */
export const MAX_PIXELS = 2 ** 28;
