// Products with the weights of a network: in WebAssembly SIMD if the runtime has it, otherwise in plain JavaScript.

import { matmul } from "./matmul.js";
import { kernel } from "./wasm_kernel.js";

const PAGE = 65536;
const VECTORS = 32; // bytes of a panel of outputs
const CHUNK = 96; // rows that are processed together: a multiple of 4

/**
 * The products of one network, in float32 or float64. `product` takes the weights of a layer (outputs, inputs) and
 * its bias or null, and returns a function (x, stride, rows, out) that sets
 *
 *   out[r][o] = bias[o] + sum over i of x[r][i] weight[o][i]
 *
 * x has `stride` numbers per row, of which the first `inputs` are used. x and out have the type of the products.
 */
export function productsOf(ArrayType) {
  try {
    return new WasmProducts(ArrayType);
  } catch {
    return { product: (weight, bias, inputs, outputs) => (x, stride, rows, out) => {
      matmul(x, stride, rows, inputs, weight, bias, outputs, out);
    } };
  }
}

class WasmProducts {
  constructor(ArrayType) {
    this._Array = ArrayType;
    this._bytes = ArrayType.BYTES_PER_ELEMENT;
    this._memory = new WebAssembly.Memory({ initial: 1 });
    const module = new WebAssembly.Module(kernel(this._bytes));
    this._multiply = new WebAssembly.Instance(module, { js: { memory: this._memory } }).exports.product;
    this._end = 0; // end of the weights; the rows that are processed lie after it
  }

  product(weight, bias, inputs, outputs) {
    const lanes = VECTORS / this._bytes;
    const panels = Math.ceil(outputs / lanes);
    const width = panels * lanes;
    const at = this._keep(width * (inputs + 1));
    const biasAt = at + width * inputs * this._bytes;
    const packed = this._view(at, width * (inputs + 1));
    packed.fill(0);
    for (let o = 0; o < outputs; o++) {
      const to = Math.floor(o / lanes) * lanes * inputs + (o % lanes);
      for (let i = 0; i < inputs; i++) packed[to + i * lanes] = weight[o * inputs + i];
      if (bias) packed[width * inputs + o] = bias[o];
    }
    return (x, stride, rows, out) => {
      const xAt = this._end;
      const outAt = xAt + CHUNK * inputs * this._bytes;
      this._reserve(outAt + CHUNK * width * this._bytes);
      const [from, to] = [this._view(xAt, CHUNK * inputs), this._view(outAt, CHUNK * width)];
      for (let first = 0; first < rows; first += CHUNK) {
        const count = Math.min(CHUNK, rows - first);
        copyRows(x, first * stride, stride, from, 0, inputs, inputs, count);
        this._multiply(xAt, inputs, Math.ceil(count / 4), at, biasAt, panels, outAt, width * this._bytes);
        copyRows(to, 0, width, out, first * outputs, outputs, outputs, count);
      }
    };
  }

  /** Reserves permanent space for `count` numbers. */
  _keep(count) {
    const at = this._end;
    this._end = Math.ceil((at + count * this._bytes) / VECTORS) * VECTORS;
    this._reserve(this._end);
    return at;
  }

  _reserve(end) {
    const missing = end - this._memory.buffer.byteLength;
    if (missing > 0) this._memory.grow(Math.ceil(missing / PAGE));
  }

  _view(at, count) {
    return new this._Array(this._memory.buffer, at, count);
  }
}

/**
 * Copies `count` rows of `width` numbers from an array with `stride` numbers per row to one with `step` numbers per
 * row.
 */
function copyRows(source, from, stride, target, to, step, width, count) {
  if (stride === width && step === width) {
    target.set(source.subarray(from, from + count * width), to);
    return;
  }
  for (let row = 0; row < count; row++) {
    const begin = from + row * stride;
    target.set(source.subarray(begin, begin + width), to + row * step);
  }
}
