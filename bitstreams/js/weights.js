// Reads a weights file, but only if its tensors match its own configuration.

import { LEVELS, SCALES, readConfig, wantedTensors } from "./config.js";
import { WrongWeights } from "./errors.js";
import { Z_LIMIT } from "./limits.js";
import { numbersOf, readSafetensors } from "./safetensors.js";
import { Sha256 } from "./sha256.js";
import { MODELS } from "./wire.js";

const HASHED = { // by arithmetic: the tensors that weights_hash covers
  "integer-1": ["exact."],
  "integer-2": ["exact.", "synthesis.", "spread", "log_step", "log_trunk_out"],
};
const CODES = { F16: "<f2", F32: "<f4", I8: "|i1", I16: "<i2", I32: "<i4" };
const HASH_DIGITS = 16;

/** Parses an ArrayBuffer of a safetensors file to { model, config, tensors: Map of name to Float64Array, hashes }. */
export function readWeights(buffer) {
  try {
    const { metadata, tensors } = readSafetensors(buffer);
    const { model } = metadata;
    if (![...MODELS.values()].includes(model)) throw new Error(`no model is called ${String(model).slice(0, 80)}`);
    const config = readConfig(metadata.config);
    const numbers = new Map();
    for (const [name, [shape, types]] of wantedTensors(config)) {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`the tensor ${name} is missing`);
      const alike = tensor.shape.length === shape.length && shape.every((n, i) => n === null || n === tensor.shape[i]);
      if (!alike) throw new Error(`${name} has the shape ${tensor.shape.join(" x ")}`);
      if (!types.includes(tensor.type)) throw new Error(`${name} is of type ${tensor.type}`);
      numbers.set(name, numbersOf(tensor));
    }
    checkNumbers(numbers);
    const hashes = Object.fromEntries(Object.entries(HASHED).map(([key, parts]) => [key, hash(tensors, parts)]));
    return { model, config, tensors: numbers, hashes };
  } catch (problem) {
    throw new WrongWeights(`these are no usable rscodec weights (${problem.message}); give an exported .safetensors`);
  }
}

function checkNumbers(numbers) {
  for (const [name, values] of numbers) {
    const [low, high] = name.endsWith(".shift") ? [0, 20] : name === "exact.z_mu" ? [-Z_LIMIT, Z_LIMIT]
      : name === "exact.z_index" ? [1, SCALES - 1] : name.startsWith("log_") ? [-40, 40]
      : name === "spread" ? [Number.MIN_VALUE, Number.MAX_VALUE] : [-Number.MAX_VALUE, Number.MAX_VALUE];
    if (!values.every((value) => value >= low && value <= high)) {
      throw new Error(`${name} holds values that are not finite or out of range`);
    }
  }
}

/** Returns SHA-256, cut, over name, type, shape and bytes of every tensor whose name has one of these prefixes. */
function hash(tensors, prefixes) {
  const digest = new Sha256();
  const names = [...tensors.keys()].filter((name) => prefixes.some((prefix) => name.startsWith(prefix))).sort();
  for (const name of names) {
    const { type, shape, bytes } = tensors.get(name);
    const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
    digest.update(new TextEncoder().encode(`${name} ${CODES[type]} ${tuple}\n`)).update(bytes);
  }
  return digest.hex().slice(0, HASH_DIGITS);
}

/** Returns the row of a table of LEVELS rows at a wire quality, linear between two rows. */
export function atQuality(table, steps) {
  const width = table.length / LEVELS;
  const low = Math.min(Math.floor(steps / 32) - 1, LEVELS - 2);
  const part = steps - 32 * (low + 1);
  return Float64Array.from({ length: width }, (_, i) => {
    return (table[low * width + i] * (32 - part) + table[(low + 1) * width + i] * part) / 32;
  });
}
