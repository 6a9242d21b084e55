// node damage.mjs RUNS SEED: frozen streams with damaged payloads and headers whose checksums were made right again.
// Whatever is decoded of them ends within seconds, with pixels or with a named error.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";

import { crc32 } from "../../bitstreams/js/crc32.js";
import { Codec, RscodecError, TileDamaged, memorySource, open } from "../../bitstreams/js/rscodec.js";

const VECTORS = new URL("../../bitstreams/vectors/", import.meta.url);
const SECONDS = 10;
const codec = new Codec(new Uint8Array(readFileSync(new URL("vec-1.safetensors", VECTORS))).buffer);
const folder = new URL("v1/passed/", VECTORS);
const names = readdirSync(folder);
let [runs, state] = process.argv.slice(2).map(Number);

function random(below) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

function setCrc(data, at, begin, end) {
  new DataView(data.buffer).setUint32(at, crc32(data.subarray(begin, end)), true);
}

async function damaged(name) {
  const data = new Uint8Array(readFileSync(new URL(`${name}/stream.bin`, folder)));
  const { _reader: reader } = await open(memorySource(data));
  const count = reader._numbers.length / 3;
  const index = reader._offsets[0] - 4 - 12 * count;
  for (let time = random(3); time >= 0; time--) {
    const entry = random(count);
    const [at, length] = [reader._offsets[entry], reader._numbers[3 * entry]];
    for (let byte = length && random(4); byte > 0; byte--) data[at + random(length)] = random(256);
    setCrc(data, index + 12 * entry + 4, at, at + length);
  }
  setCrc(data, index + 12 * count, index, index + 12 * count);
  if (random(4) === 0) {
    data[random(index - 4)] = random(256);
    setCrc(data, index - 4, 0, index - 4);
  }
  return data;
}

const met = new Set();
for (; runs > 0; runs--) {
  const name = names[random(names.length)];
  const data = await damaged(name);
  for (const factor of [1, 4, 16]) {
    for (const onDamage of [null, (problem) => met.add(problem.name)]) {
      const begin = performance.now();
      try {
        const scene = await open(memorySource(data), { weights: codec, maxPixels: 2 ** 22, onDamage });
        await scene.preview({ col: 0, row: 0, ...scene.smallSize(factor) }, factor);
      } catch (problem) {
        assert.ok(problem instanceof RscodecError, `${name} at ${factor}: ${problem.stack}`);
        assert.ok(onDamage === null || !(problem instanceof TileDamaged), `${name}: a damaged tile stops a decoder`);
        met.add(problem.name);
      }
      assert.ok(performance.now() - begin < 1000 * SECONDS, `${name} at ${factor} takes too long`);
    }
  }
}
assert.ok(["TileDamaged", "MaskDamaged", "LimitExceeded", "RadiometryDamaged"].every((name) => met.has(name)), [...met]);
