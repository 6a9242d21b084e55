// A stream as a whole. Reads header and index when it is opened, and payloads on demand; verifies the checksum of each.

import { crc32 } from "./crc32.js";
import { arrayOf } from "./dtypes.js";
import { BadField, HeaderDamaged, IndexDamaged, InputError, LimitExceeded, MaskDamaged, TileDamaged, TrailingBytes,
         Truncated } from "./errors.js";
import { FIXED_BYTES, toHeader, wireNumbers } from "./header.js";
import { concatenate } from "./inflate.js";
import { MAX_BOUND_BYTES, MAX_METADATA_BYTES, MAX_RADIOMETRY_BYTES } from "./limits.js";
import { unpackBound, unpackMetadata } from "./sections.js";
import { ENTRY_BYTES, checkIndex, offsetsOf } from "./tile_index.js";
import { FLAGS } from "./wire.js";

const FIRST_READ = 4096; // contains the header and index of most scenes
const SECTIONS = { metadata: MAX_METADATA_BYTES, radiometry: MAX_RADIOMETRY_BYTES, bound: MAX_BOUND_BYTES };
const NAMES = { planes: "the lossless planes", residual: "the residual" };

export class StreamReader {
  /** Reads header and index of a source. */
  static async open(source) {
    const start = new Start(source);
    await start.begin();
    const numbers = wireNumbers(start.data);
    await start.take(FIXED_BYTES, "header");
    const blobs = {};
    for (const [name, limit] of Object.entries(SECTIONS)) {
      if ((numbers.flags >> FLAGS.indexOf(name)) & 1) blobs[name] = await start.section(name, limit);
    }
    await start.checked(0, 0, "header", HeaderDamaged);

    const reader = new StreamReader();
    const header = toHeader(numbers);
    reader._source = source;
    reader.header = header;
    reader.metadata = blobs.metadata ? await unpackMetadata(blobs.metadata) : {};
    reader.radiometry = blobs.radiometry ?? null;
    reader.bound = blobs.bound ? unpackBound(blobs.bound, header.dtype) : null;

    const length = header.rows * header.cols * header.entries * ENTRY_BYTES;
    const index = await start.checked(length, start.at, "tile index", IndexDamaged);
    reader._numbers = arrayOf(Uint32Array, index);
    checkIndex(reader._numbers, header);
    reader._offsets = offsetsOf(reader._numbers, start.at);
    reader.end = reader._offsets.at(-1);
    if (source.size != null && source.size > reader.end) {
      throw new TrailingBytes(`${source.size - reader.end} bytes follow the last payload, which ends at ` +
                              `${reader.end}; remove them or fetch the stream again`);
    }
    return reader;
  }

  /** Returns where a payload lies, and its checksums. `entry` is a group, "planes" or "residual". */
  entry(row, col, entry) {
    const { header } = this;
    const place = entry === "planes" ? 0 : entry === "residual" ? header.entries - 1 : Number(header.planes) + entry;
    const at = (row * header.cols + col) * header.entries + place;
    const [length, crcCoded, crcDecoded] = this._numbers.subarray(3 * at, 3 * at + 3);
    return { offset: this._offsets[at], length, crcCoded, crcDecoded };
  }

  /** Returns the bytes of a payload; they are empty if the stream has none. */
  async payload(row, col, entry) {
    const { offset, length, crcCoded } = this.entry(row, col, entry);
    const { size } = this._source;
    const inside = size == null || offset + length <= size;
    const data = length && inside ? await fetchBytes(this._source, offset, length) : new Uint8Array(0);
    if (data.length === length && crc32(data) === crcCoded) return data;
    const ErrorType = entry === "planes" ? MaskDamaged : TileDamaged;
    const why = data.length === length ? "do not match their checksum" : "are cut off by the end of the stream";
    throw new ErrorType(`tile (${row}, ${col}): the ${length} bytes of ${NAMES[entry] ?? `group ${entry}`} at byte ` +
                        `${offset} ${why}; fetch the stream again`, [row, col, entry]);
  }
}

/** A cursor over the beginning of a stream. `at` is the position of the next byte to take. */
class Start {
  constructor(source) {
    this._source = source;
    this.at = 0;
  }

  async begin() {
    this.data = await fetchBytes(this._source, 0, FIRST_READ);
  }

  /** Returns the next bytes, which belong to `part`. */
  async take(length, part) {
    const end = this.at + length;
    const { size } = this._source;
    if (end > this.data.length && (size == null || end <= size)) {
      this.data = concatenate([this.data, await fetchBytes(this._source, this.data.length, end - this.data.length)]);
    }
    if (end > this.data.length) {
      throw new Truncated(`the stream ends inside its ${part}, which takes ${end} bytes; fetch it again`);
    }
    const taken = this.data.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  /** Reads and checks the length of a section. Returns the bytes of the section. */
  async section(name, limit) {
    let length = 0;
    let byte;
    for (let shift = 0; ; shift += 7) {
      if (length > limit || shift > 28) {
        throw new LimitExceeded(`the ${name} section is longer than the limit of ${limit} bytes`);
      }
      byte = (await this.take(1, `${name} section`))[0];
      length += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    if (length > limit) {
      throw new LimitExceeded(`the ${name} section has ${length} bytes, above the limit of ${limit}`);
    }
    if (byte === 0) {
      throw new BadField(`the length of the ${name} section is zero or not written in its shortest form`);
    }
    return this.take(length, `${name} section`);
  }

  /** Returns the next bytes. The CRC-32 of everything from `since` to their end follows them. */
  async checked(length, since, part, ErrorType) {
    const data = await this.take(length + 4, part);
    const stored = new DataView(data.buffer, data.byteOffset + length).getUint32(0, true);
    if (stored !== crc32(this.data.subarray(since, this.at - 4))) {
      throw new ErrorType(`the ${part} does not match its checksum: the stream is damaged; fetch it again`);
    }
    return data.subarray(0, length);
  }
}

async function fetchBytes(source, offset, length) {
  const data = await source.read(offset, length);
  if (!(data instanceof Uint8Array) || data.length > length) {
    throw new InputError(`read(${offset}, ${length}) of the source did not give a Uint8Array of at most that length`);
  }
  return data;
}
