// 3x3 convolution of each channel by itself, over (rows, columns, channels). Outside the map, values are 0.

/** Returns the weights (channels, 1, 3, 3) of a layer as (9, channels), the order in which `depthwise` reads them. */
export function taps(weight) {
  const channels = weight.length / 9;
  return Float64Array.from({ length: weight.length }, (_, i) => weight[(i % channels) * 9 + Math.floor(i / channels)]);
}

/** Convolves x. The result has the type of x; sums are float64. */
export function depthwise(x, height, width, channels, weight, bias) {
  const out = new x.constructor(height * width * channels);
  for (let row = 0; row < height; row++) {
    const inside = row > 0 && row < height - 1 && width > 2;
    if (inside) innerRow(x, row, width, channels, weight, bias, out);
    for (let col = 0; col < width; col += inside ? width - 1 : 1) {
      border(x, row, col, height, width, channels, weight, bias, out);
    }
  }
  return out;
}

/** Computes the positions of a row that have all their neighbours. */
function innerRow(x, row, width, channels, weight, bias, out) {
  const [above, below] = [-width * channels, width * channels];
  const [t1, t2, t3, t4, t5, t6, t7, t8] = [1, 2, 3, 4, 5, 6, 7, 8].map((tap) => tap * channels);
  for (let at = (row * width + 1) * channels; at < ((row + 1) * width - 1) * channels; at += channels) {
    for (let k = 0; k < channels; k++) {
      const to = at + k;
      const up = to + above;
      const down = to + below;
      out[to] = bias[k] +
        x[up - channels] * weight[k] + x[up] * weight[t1 + k] + x[up + channels] * weight[t2 + k] +
        x[to - channels] * weight[t3 + k] + x[to] * weight[t4 + k] + x[to + channels] * weight[t5 + k] +
        x[down - channels] * weight[t6 + k] + x[down] * weight[t7 + k] + x[down + channels] * weight[t8 + k];
    }
  }
}

function border(x, row, col, height, width, channels, weight, bias, out) {
  for (let k = 0; k < channels; k++) {
    let sum = bias[k];
    for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r++) {
      for (let c = Math.max(0, col - 1); c <= Math.min(width - 1, col + 1); c++) {
        sum += x[(r * width + c) * channels + k] * weight[(3 * (r - row + 1) + c - col + 1) * channels + k];
      }
    }
    out[(row * width + col) * channels + k] = sum;
  }
}
