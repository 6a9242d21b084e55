// Reads two sections of the header, metadata and bound. radiometry.js reads the third.

import { BadField, MetadataDamaged } from "./errors.js";
import { inflate } from "./inflate.js";
import { MAX_BOUND_BYTES, MAX_INTEGER_BOUND, MAX_METADATA_BYTES, MIN_FLOAT_BOUND } from "./limits.js";

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
  return metadata;
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
  const text = String(metadata.nodata).trim().toLowerCase();
  if (typeof metadata.nodata === "string") {
    const special = /^([+-]?)(nan|inf|infinity)$/.exec(text);
    if (special) return special[2] === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)) return Number(text);
  }
  throw new MetadataDamaged("the metadata have an impossible nodata; the stream is not one that rscodec writes");
}
