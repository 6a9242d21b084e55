// A Web Worker that decodes, for pool.js. It answers one call after the other:
//
//   { call, args } -> { result } or { error: { name, message, tile } }
//
//   weights(buffer)                           a weights file, for the scenes that are opened afterwards
//   open(key, source, options)                source: { url } or { blob }
//   about(key)                                -> header, metadata, bound, coded: the bands that are not lossless
//   read(key, window)                         -> pixels as Scene.read gives them, and `damage`: { message, tile }
//   preview(key, window, factor, groups)      the same of a small picture
//   latents(key)                              -> the CRC-32 of the latents of all tiles, as `rscodec verify` prints it

import { crc32 } from "./crc32.js";
import { bytesOf } from "./dtypes.js";
import { Codec, HttpSource, InputError, blobSource, open } from "./rscodec.js";

let codec = null;
let damage = [];
const scenes = new Map();

const calls = {
  weights(buffer) {
    codec = new Codec(buffer);
  },

  async open(key, { url, blob }, options) {
    const source = blob ? blobSource(blob) : new HttpSource(url);
    const onDamage = (problem) => damage.push({ message: problem.message, tile: problem.tile });
    scenes.set(key, await open(source, { ...options, weights: codec, onDamage }));
  },

  about(key) {
    const { header, metadata, bound, coded } = sceneOf(key);
    return { header, metadata, bound, coded };
  },

  read: (key, window) => sceneOf(key).read(window),
  preview: (key, window, factor, groups) => sceneOf(key).preview(window, factor, groups),

  async latents(key) {
    const scene = sceneOf(key);
    let crc = 0;
    for (let row = 0; row < scene.header.rows; row++) {
      for (let col = 0; col < scene.header.cols; col++) {
        for (const group of (await scene.latents(row, col)) ?? []) crc = crc32(bytesOf(group), crc);
      }
    }
    return crc;
  },
};

function sceneOf(key) {
  if (!scenes.has(key)) throw new InputError(`no scene ${key} is open`);
  return scenes.get(key);
}

self.onmessage = async ({ data: { call, args } }) => {
  damage = [];
  try {
    const result = await calls[call](...args);
    const planes = result?.bands ? [...result.bands, ...(result.classes ?? [])] : [];
    self.postMessage({ result: result?.bands ? { ...result, damage } : result }, planes.map((plane) => plane.buffer));
  } catch (problem) {
    self.postMessage({ error: { name: problem.name, message: problem.message, tile: problem.tile ?? null } });
  }
};
