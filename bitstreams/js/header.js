// The fixed header: 31 bytes. The value of each field is checked.

import { BadField, FutureVersion, LimitExceeded, NotAStream, Truncated, UnknownModel } from "./errors.js";
import { MAX_BANDS, MAX_EDGE, MAX_GROUPS, MAX_TILE, MAX_TILES, TILE_UNIT } from "./limits.js";
import { ARITHMETICS, DTYPES, FLAGS, MAGIC, MODELS, VERSION } from "./wire.js";

export const FIXED_BYTES = 31;

/** Returns the numbers of the fixed header. Only magic and version are checked. */
export function wireNumbers(bytes) {
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new NotAStream("not an rscodec stream: it does not begin with the bytes d2 52 53 43; give a .bin made by " +
                         "`rscodec encode`");
  }
  if (bytes[4] > VERSION) {
    throw new FutureVersion(`the stream has version ${bytes[4]}, this reader knows ${VERSION}; use a newer one`);
  }
  if (bytes[4] === 0) throw new BadField("header field version is 0, which never existed");
  if (bytes.length < FIXED_BYTES) {
    throw new Truncated(`the stream ends at byte ${bytes.length}, inside its header; fetch it again`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    arithmetic: bytes[5],
    model: view.getUint16(6, true),
    weightsHash: hex(bytes.subarray(8, 16)),
    quality: view.getUint16(16, true),
    width: view.getUint32(18, true),
    height: view.getUint32(22, true),
    bands: bytes[26],
    dtype: bytes[27],
    tile: bytes[28],
    flags: bytes[29],
    groups: bytes[30],
  };
}

/** Returns the header of these numbers. `steps` is the quality as the stream stores it. */
export function toHeader(numbers) {
  const header = {
    arithmetic: name("arithmetic", numbers.arithmetic, ARITHMETICS, FutureVersion),
    model: name("model", numbers.model, MODELS, UnknownModel),
    weightsHash: numbers.weightsHash,
    steps: number("quality", numbers.quality, 32, 256),
    quality: numbers.quality / 32,
    width: number("width", numbers.width, 1, MAX_EDGE, LimitExceeded),
    height: number("height", numbers.height, 1, MAX_EDGE, LimitExceeded),
    bands: number("bands", numbers.bands, 1, MAX_BANDS, LimitExceeded),
    dtype: name("dtype", numbers.dtype, DTYPES, BadField),
    tile: TILE_UNIT * number("tile", numbers.tile, 1, MAX_TILE / TILE_UNIT, LimitExceeded),
    flags: flags(numbers.flags),
    groups: number("groups", numbers.groups, 0, MAX_GROUPS, LimitExceeded),
  };
  header.rows = Math.ceil(header.height / header.tile);
  header.cols = Math.ceil(header.width / header.tile);
  header.planes = header.flags.includes("planes");
  header.bounded = header.flags.includes("bound");
  header.checksEmpty = header.arithmetic === "integer-2";
  header.entries = Number(header.planes) + header.groups + Number(header.bounded);
  checkTogether(header);
  return header;
}

function checkTogether(header) {
  if (header.rows * header.cols > MAX_TILES) {
    throw new LimitExceeded(`the scene has ${header.rows} x ${header.cols} tiles, above the limit of ${MAX_TILES} in ` +
                            "all; encode with a larger tile");
  }
  if (header.groups > header.bands) {
    throw new BadField(`header field groups is ${header.groups}, too many for ${header.bands} bands`);
  }
  if (header.bounded && (header.groups === 0 || header.arithmetic === "float")) {
    throw new BadField("header field flags has a bound, which needs groups of a model that is the same everywhere");
  }
  if (header.entries === 0) throw new BadField("header fields flags and groups leave the scene without any content");
}

function number(field, value, low, high, above = BadField) {
  if (value >= low && value <= high) return value;
  const ErrorType = value > high ? above : BadField;
  throw new ErrorType(`header field ${field} is ${value}, but the format allows ${low} to ${high}; the stream is not ` +
                      "one that rscodec writes");
}

function name(field, value, table, ErrorType) {
  if (table.has(value)) return table.get(value);
  throw new ErrorType(`header field ${field} is 0x${value.toString(16)}, which this reader does not know (known: ` +
                      `${[...table.values()].join(", ")}); a newer one may`);
}

function flags(bits) {
  if (bits >> FLAGS.length || FLAGS.some((flag, i) => flag === null && (bits >> i) & 1)) {
    throw new BadField(`header field flags is 0x${bits.toString(16).padStart(2, "0")}, with bits that have no ` +
                       "meaning; the stream is not one that rscodec writes");
  }
  return FLAGS.filter((flag, i) => (bits >> i) & 1);
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
