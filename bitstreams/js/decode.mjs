// Node only: decodes a stream, or a window of it, into raw pixels.
//
//   node decode.mjs STREAM WEIGHTS OUT [COL ROW WIDTH HEIGHT]
//
// OUT gets the bands one after another, little endian; what they are is printed as JSON.

import { open as openFile, readFile, writeFile } from "node:fs/promises";

import { crc32 } from "./crc32.js";
import { bytesOf } from "./dtypes.js";
import { Codec, open } from "./rscodec.js";

const [stream, weights, out, ...window] = process.argv.slice(2);
const file = await openFile(stream);
const source = {
  size: (await file.stat()).size,
  async read(offset, length) {
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  },
};
const codec = new Codec(new Uint8Array(await readFile(weights)).buffer);
const scene = await open(source, { weights: codec });
const { header } = scene;
const [col, row, width, height] = window.length ? window.map(Number) : [0, 0, header.width, header.height];

const started = process.cpuUsage();
const { bands, classes } = await scene.read({ col, row, width, height });
const { user } = process.cpuUsage(started);
let latents = 0;
for (let tileRow = 0; tileRow < header.rows; tileRow++) {
  for (let tileCol = 0; tileCol < header.cols; tileCol++) {
    for (const group of (await scene.latents(tileRow, tileCol)) ?? []) latents = crc32(bytesOf(group), latents);
  }
}
await writeFile(out, Buffer.concat(bands.map(bytesOf)));
await file.close();
console.log(JSON.stringify({ width, height, bands: bands.length, dtype: header.dtype, planes: classes?.length ?? 0,
                             latents_crc32: latents, cpu_seconds: user / 1e6 }));
