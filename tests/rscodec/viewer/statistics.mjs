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
assert.deepEqual(columns.of(0).map((value, place) => Math.abs(value - [0, 511, 10, 501][place]) <= 3), Array(4).fill(true));

// Pixels with alpha 0, NaN, infinity or a class other than 0 do not count.
const invisible = new Statistics(layerOf(2, { colorinterp: ["gray", "alpha"] }));
invisible.take([blockOf([plane((i) => [5, 9, 1000, NaN, Infinity][i % 5]), plane((i) => (i % 5 === 2 ? 0 : 255), Uint8Array)],
                        [plane((i) => (i % 5 === 1 ? 1 : 0), Uint8Array)])]);
assert.deepEqual(invisible.of(0), [5, 5, 5, 5]);
invisible.take([blockOf([plane(() => 7), plane(() => 0, Uint8Array)])]);
assert.equal(invisible.of(0), null);

// Blocks are sampled once, and there are not too many samples of many bands.
const many = new Statistics(layerOf(300));
const blocks = [1, 2].map((value) => blockOf(Array(300).fill(Uint8Array.from({ length: 64 ** 2 }, () => value)), null, 64));
many.take(blocks.slice(0, 1));
const [{ samples }] = blocks;
many.take(blocks);
assert.equal(blocks[0].samples, samples);
assert.ok(samples.flat().reduce((sum, { length }) => sum + length, 0) <= 2 ** 18 * 1.2);
assert.deepEqual(many.of(299), [1, 2, 1, 2]);
