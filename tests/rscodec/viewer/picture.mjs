// node picture.mjs SITE: the picture is drawn for the screen that it is on, and its stretch computed once a frame.

import assert from "node:assert/strict";

import { fakeElement, frame } from "./fakes.mjs";

const [site] = process.argv.slice(2);
const { Picture } = await import(`${site}/page/picture.js`);
const { RasterLayer } = await import(`${site}/page/layers.js`);
const { Statistics } = await import(`${site}/page/statistics.js`);

/** A layer of 4 x 4 blocks, in the order in which they are requested: each gives its number as its pixels. */
function layerOf() {
  const size = { width: 2048, height: 2048, bands: 1, dtype: "uint16" };
  const layer = new RasterLayer({ ...size, coded: [0], planes: 0, metadata: {} });
  layer.free = 16;
  layer.answers = [];
  layer.load = ({ window: { width, height } }) => new Promise((resolve) => {
    const bands = [new Uint16Array(width * height).fill(layer.answers.length + 1)];
    layer.answers.push(() => resolve({ width, height, bands, classes: null, damage: [] }));
  });
  return layer;
}

function pictureOf(layer, stretch) {
  const canvas = fakeElement({ clientWidth: 2001, clientHeight: 2000 });
  const style = { bands: [0], stretch, manual: [[0, 255]] };
  return { canvas, style, picture: new Picture(canvas, [layer], style, { changed() {}, came() {} }) };
}

const turn = () => new Promise((resolve) => setTimeout(resolve));
const counts = { take: 0, of: 0 };
for (const method of ["take", "of"]) {
  const original = Statistics.prototype[method];
  Statistics.prototype[method] = function (...args) {
    counts[method]++;
    return original.apply(this, args);
  };
}

const layer = layerOf();
const { canvas, style, picture } = pictureOf(layer, "type");
frame();
assert.deepEqual([canvas.width, canvas.height], [2001, 2000]);
assert.equal(layer.answers.length, 16);
const { ranges } = picture;
layer.answers.splice(0, 8).forEach((answer) => answer());
await turn();
assert.deepEqual(counts, { take: 0, of: 0 });
frame();
assert.deepEqual(counts, { take: 1, of: 0 }); // eight blocks, one frame; this stretch needs no statistics
assert.equal(picture.ranges, ranges); // so that no block is painted again

layer.answers.splice(0).forEach((answer) => answer());
await turn();
frame();
frame();
assert.equal(counts.take, 2);
picture.restyle({ ...style, stretch: "range" });
assert.deepEqual(picture.ranges, [[1, 16]]);
picture.restyle({ ...style, stretch: "percent" });
frame();
assert.equal(counts.take, 2);

globalThis.devicePixelRatio = 1.5; // the window is on another screen; it keeps its size
picture.redraw();
frame();
assert.deepEqual([canvas.width, canvas.height], [3002, 3000]);
