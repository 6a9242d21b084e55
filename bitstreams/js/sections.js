// Reads two sections of the header, metadata and bound. radiometry.js reads the third.

import { BadField, MetadataDamaged } from "./errors.js";
import { inflate } from "./inflate.js";
import {
  MAX_BOUND_BYTES, MAX_INTEGER_BOUND, MAX_METADATA_BYTES, MAX_METADATA_DEPTH, MIN_FLOAT_BOUND,
} from "./limits.js";

/** Returns the object in a metadata section. */
export async function unpackMetadata(data) {
  let metadata;
  try {
    metadata = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await inflate(data, MAX_METADATA_BYTES)));
  } catch (problem) {
    throw new MetadataDamaged(`the metadata section cannot be read: ${problem.message}`);
  }
  if (metadata === null || typeof metadata !== "object" || Array.isArray(metadata)) {
    throw new MetadataDamaged("the metadata section holds JSON, but not an object");
  }
  if (isDeep(metadata)) {
    throw new MetadataDamaged(`the metadata section nests deeper than ${MAX_METADATA_DEPTH}`);
  }
  return metadata;
}

/** Returns whether objects and lists are inside each other deeper than the limit. */
function isDeep(value) {
  const isContainer = (one) => one !== null && typeof one === "object";
  let level = [value];
  for (let depth = 0; depth < MAX_METADATA_DEPTH; depth++) level = level.filter(isContainer).flatMap(Object.values);
  return level.some(isContainer);
}

/** Returns the largest error of a valid pixel, in units of the scene. */
export function unpackBound(data, dtype) {
  if (data.length !== MAX_BOUND_BYTES) {
    throw new BadField(`the bound section has ${data.length} bytes, not ${MAX_BOUND_BYTES}`);
  }
  const largest = new DataView(data.buffer, data.byteOffset).getFloat64(0, true);
  const legal = dtype.startsWith("float") ? Number.isFinite(largest) && largest >= MIN_FLOAT_BOUND
    : Number.isInteger(largest) && largest >= 0 && largest <= MAX_INTEGER_BOUND;
  if (!legal) throw new BadField(`the bound section holds ${largest}, which is no largest error of ${dtype} pixels`);
  return largest;
}

/** Returns the scene's nodata value as a number; null if it has none. Metadata stores it as text. */
export function nodataOf(metadata) {
  if (!Object.hasOwn(metadata, "nodata")) return null;
  const text = typeof metadata.nodata === "string" ? metadata.nodata.toLowerCase() : "";
  const special = /^[ \t\n\r\f\v]*([+-]?)(nan|inf|infinity)[ \t\n\r\f\v]*$/.exec(text);
  if (special) return special[2] === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
  if (/^[ \t\n\r\f\v]*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?[ \t\n\r\f\v]*$/.test(text)) return Number(text);
  throw new MetadataDamaged("the metadata have an impossible nodata; the stream is not one that rscodec writes");
}
