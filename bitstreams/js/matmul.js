// The inner products in plain JavaScript, for runtimes without WebAssembly SIMD (products.js).

const PANEL = 96; // rows that are processed together: their inputs stay in the cache

/**
 * Computes out[r][o] = bias[o] + sum over k of x[r][k] weight[o][k], for `rows` rows. x has `stride` numbers per row,
 * of which the first `inputs` are used. bias may be null.
 */
export function matmul(x, stride, rows, inputs, weight, bias, outputs, out) {
  for (let begin = 0; begin < rows; begin += PANEL) {
    const end = Math.min(begin + PANEL, rows);
    const threes = begin + Math.floor((end - begin) / 3) * 3;
    const fours = outputs - (outputs % 4);
    for (let o = 0; o < fours; o += 4) {
      const w0 = o * inputs;
      const w1 = w0 + inputs;
      const w2 = w1 + inputs;
      const w3 = w2 + inputs;
      const b0 = bias ? bias[o] : 0;
      const b1 = bias ? bias[o + 1] : 0;
      const b2 = bias ? bias[o + 2] : 0;
      const b3 = bias ? bias[o + 3] : 0;
      for (let r = begin; r < threes; r += 3) {
        const x0 = r * stride;
        const x1 = x0 + stride;
        const x2 = x1 + stride;
        let s00 = b0, s01 = b1, s02 = b2, s03 = b3;
        let s10 = b0, s11 = b1, s12 = b2, s13 = b3;
        let s20 = b0, s21 = b1, s22 = b2, s23 = b3;
        for (let k = 0; k < inputs; k++) {
          const v0 = weight[w0 + k], v1 = weight[w1 + k], v2 = weight[w2 + k], v3 = weight[w3 + k];
          const u0 = x[x0 + k];
          s00 += u0 * v0; s01 += u0 * v1; s02 += u0 * v2; s03 += u0 * v3;
          const u1 = x[x1 + k];
          s10 += u1 * v0; s11 += u1 * v1; s12 += u1 * v2; s13 += u1 * v3;
          const u2 = x[x2 + k];
          s20 += u2 * v0; s21 += u2 * v1; s22 += u2 * v2; s23 += u2 * v3;
        }
        const at0 = r * outputs + o;
        const at1 = at0 + outputs;
        const at2 = at1 + outputs;
        out[at0] = s00; out[at0 + 1] = s01; out[at0 + 2] = s02; out[at0 + 3] = s03;
        out[at1] = s10; out[at1 + 1] = s11; out[at1 + 2] = s12; out[at1 + 3] = s13;
        out[at2] = s20; out[at2 + 1] = s21; out[at2 + 2] = s22; out[at2 + 3] = s23;
      }
    }
    singly(x, stride, begin, threes, inputs, weight, bias, fours, outputs, out);
    singly(x, stride, threes, end, inputs, weight, bias, 0, outputs, out);
  }
}

/** Computes the rows and outputs that do not fill a group of three by four. */
function singly(x, stride, begin, end, inputs, weight, bias, first, outputs, out) {
  for (let r = begin; r < end; r++) {
    for (let o = first; o < outputs; o++) {
      let sum = bias ? bias[o] : 0;
      for (let k = 0; k < inputs; k++) sum += x[r * stride + k] * weight[o * inputs + k];
      out[r * outputs + o] = sum;
    }
  }
}
