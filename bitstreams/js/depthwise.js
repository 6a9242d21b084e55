// 3x3 convolution of each channel by itself, over (rows, columns, channels), 0 outside.

/** The weights (channels, 1, 3, 3) of a layer as (9, channels), the order in which `depthwise` reads them. */
export function taps(weight) {
  const channels = weight.length / 9;
  return Float64Array.from({ length: weight.length }, (_, i) => weight[(i % channels) * 9 + Math.floor(i / channels)]);
}

/** The result is of the type of x. */
export function depthwise(x, height, width, channels, weight, bias) {
  const out = new x.constructor(height * width * channels);
  for (let row = 0; row < height; row++) {
    for (let col = 0; col < width; col++) {
      const to = (row * width + col) * channels;
      for (let k = 0; k < channels; k++) out[to + k] = bias[k];
      for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r++) {
        for (let c = Math.max(0, col - 1); c <= Math.min(width - 1, col + 1); c++) {
          const from = (r * width + c) * channels;
          const tap = (3 * (r - row + 1) + c - col + 1) * channels;
          for (let k = 0; k < channels; k++) out[to + k] += x[from + k] * weight[tap + k];
        }
      }
    }
  }
  return out;
}
