// node previews.mjs STREAM WEIGHTS: windows and groups of small pictures, and what a damaged tile costs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Codec, TileDamaged, blobSource, memorySource, open } from "../../bitstreams/js/rscodec.js";

const [stream, weights] = process.argv.slice(2).map((path) => new Uint8Array(readFileSync(path)));
const codec = new Codec(weights.buffer);
const scene = await open(blobSource(new Blob([stream])), { weights: codec });
const { groups, tile } = scene.header;
const whole = { col: 0, row: 0, ...scene.smallSize(16) };
const small = await scene.preview(whole, 16);

const part = await scene.preview({ col: 3, row: 5, width: 6, height: 7 }, 16);
part.bands.forEach((band, b) => band.forEach((value, i) => {
  assert.equal(value, small.bands[b][(5 + Math.floor(i / 6)) * small.width + 3 + (i % 6)]);
}));

const distance = (a, b) => a.bands.reduce((sum, band, i) => {
  return band.reduce((more, value, at) => more + Math.abs(value - b.bands[i][at]), sum);
}, 0);
const first = await scene.preview(whole, 16, 1);
const none = await scene.preview(whole, 16, 0);
assert.ok(groups > 1 && distance(first, small) > 0 && distance(first, small) < distance(none, small));

await assert.rejects(scene.preview(whole, 12), { name: "InputError" });
await assert.rejects(scene.preview({ ...whole, width: whole.width + 1 }, 16), { name: "InputError" });
await assert.rejects((await open(memorySource(stream), { weights: codec, maxPixels: 100 })).preview(whole, 16),
                     { name: "LimitExceeded" });

const { offset, length } = scene._reader.entry(1, 1, groups - 1);
stream[offset + length - 1] ^= 1;
await assert.rejects((await open(memorySource(stream), { weights: codec })).preview(whole, 16), { name: "TileDamaged" });
const damage = [];
const damaged = await open(memorySource(stream), { weights: codec, onDamage: (problem) => damage.push(problem) });
const all = { col: 0, row: 0, width: scene.header.width, height: scene.header.height };
for (const [picture, sound, factor] of [[await damaged.preview(whole, 16), small, 16],
                                        [await damaged.read(all), await scene.read(all), 1]]) {
  assert.ok(damage.length > 0 && damage.every((problem) => problem instanceof TileDamaged));
  picture.classes[0].forEach((kind, i) => {
    const [row, col] = [Math.floor(i / picture.width), i % picture.width].map((at) => Math.floor((at * factor) / tile));
    const lost = row === 1 && col === 1;
    assert.equal(kind, lost ? 3 : 0);
    if (lost) assert.equal(picture.bands[0][i], 0);
    else if (factor === 16) assert.equal(picture.bands[0][i], sound.bands[0][i]);
  });
}
