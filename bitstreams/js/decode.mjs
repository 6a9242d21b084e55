// Node only: decodes a stream, or a window of it, into raw pixels.
//
//   node decode.mjs STREAM WEIGHTS OUT [COL ROW WIDTH HEIGHT [FACTOR]]
//
// STREAM is a file or a URL. OUT gets the bands one after another, then the class planes, little endian. The command
// prints their description as JSON. With FACTOR, the window is one of the scene made that many times smaller, and
// 0 0 0 0 is the whole scene.

import { readFile, writeFile } from "node:fs/promises";

import { crc32 } from "./crc32.js";
import { bytesOf } from "./dtypes.js";
import { openSource } from "./file_source.mjs";
import { Codec, open } from "./rscodec.js";

const [stream, weights, out, ...numbers] = process.argv.slice(2);
const source = await openSource(stream);
const codec = new Codec(new Uint8Array(await readFile(weights)).buffer);
const scene = await open(source, { weights: codec });
const { header } = scene;
const [col = 0, row = 0, columns = 0, rows = 0, factor = 1] = numbers.map(Number);
const whole = scene.smallSize(factor);
const window = { col, row, width: columns || whole.width, height: rows || whole.height };

const started = process.cpuUsage();
const { bands, classes } = await (numbers.length > 4 ? scene.preview(window, factor) : scene.read(window));
const { user } = process.cpuUsage(started);
const { fetched } = source;
let latents = 0;
for (let tileRow = 0; tileRow < header.rows && numbers.length === 0; tileRow++) {
  for (let tileCol = 0; tileCol < header.cols; tileCol++) {
    for (const group of (await scene.latents(tileRow, tileCol)) ?? []) latents = crc32(bytesOf(group), latents);
  }
}
await writeFile(out, Buffer.concat([...bands, ...(classes ?? [])].map(bytesOf)));
await source.close();
console.log(JSON.stringify({ width: window.width, height: window.height, bands: bands.length, dtype: header.dtype,
                             planes: classes?.length ?? 0, latents_crc32: latents, cpu_seconds: user / 1e6, fetched }));
