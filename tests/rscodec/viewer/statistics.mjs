// node statistics.mjs SITE: extremes and percentiles are those of visible pixels, and each block is sampled once.

import assert from "node:assert/strict";

import "./fakes.mjs";

const [site] = process.argv.slice(2);
const { RasterLayer } = await import(`${site}/page/layers.js`);
const { Statistics } = await import(`${site}/page/statistics.js`);

const EDGE = 512;
const layerOf = (bands, metadata = {}) => new RasterLayer({ bands, coded: [0], metadata });
const blockOf = (bands, classes = null, edge = EDGE) => ({ pixels: { width: edge, height: edge, bands, classes } });
const plane = (value, ArrayType = Float32Array) => ArrayType.from({ length: EDGE ** 2 }, (_, i) => value(i));

// Columns differ: a step of 64 would see one in 64 of them.
const columns = new Statistics(layerOf(1));
columns.take([blockOf([plane((i) => i % EDGE)])]);
columns.of(0).forEach((value, place) => assert.ok(Math.abs(value - [0, 511, 10, 501][place]) <= 3));

// Pixels with alpha 0, NaN, infinity or a class other than 0 do not count.
const invisible = new Statistics(layerOf(2, { colorinterp: ["gray", "alpha"] }));
const values = plane((i) => [5, 9, 1000, NaN, Infinity][i % 5]);
const alpha = plane((i) => (i % 5 === 2 ? 0 : 255), Uint8Array);
const classes = plane((i) => (i % 5 === 1 ? 1 : 0), Uint8Array);
invisible.take([blockOf([values, alpha], [classes])]);
assert.deepEqual(invisible.of(0), [5, 5, 5, 5]);
invisible.take([blockOf([plane(() => 7), plane(() => 0, Uint8Array)])]);
assert.equal(invisible.of(0), null);

// Blocks are sampled once, and there are not too many samples of many bands.
const many = new Statistics(layerOf(300));
const blocks = [1, 2].map((value) => blockOf(Array(300).fill(new Uint8Array(64 ** 2).fill(value)), null, 64));
many.take(blocks.slice(0, 1));
const [{ samples }] = blocks;
many.take(blocks);
assert.equal(blocks[0].samples, samples);
assert.ok(samples.flat().reduce((sum, { length }) => sum + length, 0) <= 2 ** 18 * 1.2);
assert.deepEqual(many.of(299), [1, 2, 1, 2]);
