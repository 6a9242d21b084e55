// A decoder of rscodec streams, written from SPEC.md. It runs in browsers and in Node 20, and needs no other package.
//
//   import { Codec, memorySource, open } from "./rscodec.js";
//   const codec = new Codec(await (await fetch("rsc-m-3.safetensors")).arrayBuffer());
//   const scene = await open(memorySource(await (await fetch("scene.bin")).arrayBuffer()), { weights: codec });
//   const { bands, classes } = await scene.tile(0, 0);

import { Codec } from "./codec.js";
import { StreamReader } from "./container.js";
import { Scene } from "./scene.js";

export { Codec } from "./codec.js";
export * from "./errors.js";
export { HttpSource } from "./http_source.js";
export { Pool } from "./pool.js";
export { blobSource, memorySource } from "./source.js";

/**
 * Opens a scene. `source`: see source.js. `weights` is an ArrayBuffer of a safetensors file, or a Codec; without
 * weights, only header and metadata can be read. `maxPixels` limits width x height x bands of one call that returns
 * pixels. `onDamage` is called with each TileDamaged, and the pixels of such tiles become nodata; without it, the first
 * one ends the call.
 */
export async function open(source, { weights = null, maxPixels, onDamage } = {}) {
  const reader = await StreamReader.open(source);
  const codec = weights === null || weights instanceof Codec ? weights : new Codec(weights);
  return new Scene(reader, codec, { maxPixels, onDamage });
}
