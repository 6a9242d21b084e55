// node products.mjs: the kernel in WebAssembly and plain JavaScript give the same integers, for any size of a layer.

import assert from "node:assert/strict";

import { matmul } from "../../bitstreams/js/matmul.js";
import { productsOf } from "../../bitstreams/js/products.js";

for (const ArrayType of [Float32Array, Float64Array]) {
  const products = productsOf(ArrayType);
  assert.equal(products.constructor.name, "WasmProducts");
  const layers = [];
  for (const [rows, inputs, outputs, spare] of [[1, 1, 1, 0], [3, 5, 4, 2], [97, 37, 13, 0], [200, 160, 48, 30]]) {
    const weight = Int16Array.from({ length: inputs * outputs }, (_, i) => ((i * 37) % 101) - 50);
    const bias = outputs % 2 ? null : Int32Array.from({ length: outputs }, (_, i) => 1000 * i - 3000);
    layers.push([products.product(weight, bias, inputs, outputs), rows, inputs, outputs, inputs + spare, weight, bias]);
  }
  for (const [product, rows, inputs, outputs, stride, weight, bias] of layers) { // each after all are there
    const x = ArrayType.from({ length: rows * stride }, (_, i) => ((i * 29) % 2047) - 1023);
    const [found, wanted] = [0, 0].map(() => new ArrayType(rows * outputs));
    product(x, stride, rows, found);
    matmul(x, stride, rows, inputs, weight, bias, outputs, wanted);
    assert.deepEqual(found, wanted);
  }
}
