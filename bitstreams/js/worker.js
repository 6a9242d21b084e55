// A Web Worker that decodes (pool.js speaks with it). It answers one call after the other:
//
//   { call, args } -> { result } or { error: { name, message, tile } }
//
//   weights(buffer)                           a weights file, for the scenes that are opened next
//   open(key, source, options)                source: { url } or { blob }  ->  header, metadata, bound
//   read(key, window)                         -> pixels as Scene.read gives them, and `damage`: messages
//   preview(key, window, factor, groups)      the same of a small picture
//   latents(key, row, col)                    -> their CRC-32, null for a tile without a valid pixel

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
    const onDamage = (problem) => damage.push(problem.message);
    const scene = await open(source, { ...options, weights: codec, onDamage });
    scenes.set(key, scene);
    return { header: scene.header, metadata: scene.metadata, bound: scene.bound };
  },

  read: (key, window) => sceneOf(key).read(window),
  preview: (key, window, factor, groups) => sceneOf(key).preview(window, factor, groups),

  async latents(key, row, col) {
    const groups = await sceneOf(key).latents(row, col);
    return groups && groups.reduce((crc, group) => crc32(bytesOf(group), crc), 0);
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
