// A scene: header and metadata at once, pixels by window or tile.
//
//   payloads -> latents of each tile (kept, its neighbours need them too) -> latents of a window and the halo around it
//   -> network channels -> bands -> pixels; a bounded stream has each tile by itself, and its residual.

import { Bound } from "./bound.js";
import { crc32 } from "./crc32.js";
import { PIXELS, bytesOf } from "./dtypes.js";
import { BadField, BitstreamError, InputError, LimitExceeded, MaskDamaged, MissingWeights, TileDamaged,
         WrongWeights } from "./errors.js";
import { MAX_PIXELS } from "./limits.js";
import { nativeNodata, protectNodata, toPixels } from "./pixels.js";
import { decodePlanes, planesCrc } from "./planes.js";
import { readRadiometry, toBands } from "./radiometry.js";
import { decodeResidual } from "./residual.js";
import { nodataOf } from "./sections.js";
import { cellsOf, copyPart, fillPart, grown, inCells, overlap, times } from "./windows.js";
import { CLASS_VALID } from "./wire.js";

const STRIDE = 16;
const CACHE_BYTES = 2 ** 26; // of decoded latents, about

export class Scene {
  constructor(reader, codec, maxPixels = MAX_PIXELS) {
    this.header = reader.header;
    this.metadata = reader.metadata;
    this.bound = reader.bound;
    this._reader = reader;
    this._codec = codec;
    this._maxPixels = maxPixels;
    this._latents = new Map();
    this._whole = { col: 0, row: 0, width: this.header.width, height: this.header.height };
  }

  /** The pixels of a tile, in the form of `read`. */
  tile(row, col) {
    return this.read(this._tileWindow(row, col));
  }

  /**
   * The pixels of a window { col, row, width, height }:
   * { width, height, bands: a typed array for each band, classes: null or a Uint8Array for each class plane }.
   * There is one plane for all coded bands, or one for each of them; 0 is a valid pixel.
   */
  async read(window) {
    this._check(window);
    this._prepare();
    this._forget();
    const { header, _radiometry: radiometry } = this;
    const { planeCount, coded, exact } = radiometry;
    const { array } = PIXELS[header.dtype];
    const size = window.width * window.height;
    const classes = header.planes && planeCount ? Array.from({ length: planeCount }, () => new Uint8Array(size)) : null;
    const bands = Array.from({ length: header.bands }, () => new array(size));
    for (const [row, col] of cellsOf(inCells(window, header.tile))) {
      const tile = this._tileWindow(row, col);
      const part = overlap(tile, window);
      const put = (plane, shows, into) => copyPart(plane, shows, into, window, part);
      const planes = header.planes ? await this._planes(row, col) : { classes: [], exact: [] };
      planes.classes.forEach((plane, i) => put(plane, tile, classes[i]));
      planes.exact.forEach((band, i) => put(band, tile, bands[exact[i]]));
      const latents = radiometry.groups ? await this._tileLatents(row, col) : null;
      if (latents !== null && this.bound !== null) {
        const pixels = await this._tileWithinBound(row, col, tile, latents, planes.classes);
        pixels.forEach((plane, i) => put(plane, tile, bands[coded[i]]));
      } else if (latents !== null) {
        const pixels = await this._synthesised(part);
        pixels.forEach((plane, i) => put(plane, part, bands[coded[i]]));
      } else if (radiometry.groups) this._checkEmpty(row, col, planes.classes);
    }
    coded.forEach((band, i) => {
      protectNodata(bands[band], classes && classes[planeCount === 1 ? 0 : i], this._nodata, header.dtype);
    });
    return { width: window.width, height: window.height, bands, classes };
  }

  /** The latents of a tile, an Int16Array (rows, columns, N) for each group; null where it has no valid pixel. */
  async latents(row, col) {
    this._check(this._tileWindow(row, col));
    this._prepare();
    this._forget();
    return this._tileLatents(row, col);
  }

  /** What pixels need besides the header: the codec must be the right one, the radiometry legal. Done once. */
  _prepare() {
    if (this._radiometry) return;
    const { header, _codec: codec } = this;
    const wanted = `${header.model} with hash ${header.weightsHash}`;
    if (!codec) throw new MissingWeights(`the stream needs ${wanted}; give these weights to open()`);
    if (!Object.hasOwn(codec.hashes, header.arithmetic)) {
      throw new BadField(`the header has the arithmetic ${header.arithmetic}, which ${codec.model} does not have`);
    }
    const found = codec.hashes[header.arithmetic];
    if (codec.model !== header.model || found !== header.weightsHash) {
      throw new WrongWeights(`these are other weights: the stream needs ${wanted}, but they are ${codec.model} with ` +
                             `hash ${found}; give the right ones`);
    }
    const nodata = nodataOf(this.metadata);
    const radiometry = readRadiometry(this._reader.radiometry, header);
    this._nodata = nativeNodata(nodata, header.dtype);
    this._limits = this.bound === null ? null : new Bound(this.bound, header.dtype, nodata);
    this._radiometry = radiometry;
    const tileBytes = 2 * codec.channelCount * (header.tile / STRIDE) ** 2 * Math.max(1, header.groups);
    this._kept = Math.max(16, Math.floor(CACHE_BYTES / tileBytes));
  }

  _check(window) {
    const { col, row, width, height } = window;
    const whole = [col, row, width, height].every(Number.isInteger);
    const inside = whole && width > 0 && height > 0 && col >= 0 && row >= 0 &&
      col + width <= this.header.width && row + height <= this.header.height;
    if (!inside) {
      throw new InputError(`window ${[col, row, width, height].join(" ")} is not inside the scene, which has ` +
                           `${this.header.width} x ${this.header.height} pixels; choose another one`);
    }
    const count = width * height * this.header.bands;
    if (count > this._maxPixels) {
      throw new LimitExceeded(`the window has ${count} pixels in all bands, above the limit of ${this._maxPixels}; ` +
                              "read a smaller one, or give open() a larger maxPixels");
    }
  }

  /** The pixels of a tile; nothing is left of one outside the grid. */
  _tileWindow(row, col) {
    const edge = this.header.tile;
    return overlap({ col: col * edge, row: row * edge, width: edge, height: edge }, this._whole);
  }

  async _planes(row, col) {
    const { header, _radiometry: radiometry, _reader: reader } = this;
    const data = await reader.payload(row, col, "planes");
    const { width, height } = this._tileWindow(row, col);
    const place = [row, col, "planes"];
    let planes;
    try {
      planes = await decodePlanes(data, radiometry.planeCount, radiometry.exact.length, height, width, header.dtype);
    } catch (problem) {
      if (!(problem instanceof MaskDamaged)) throw problem;
      throw new MaskDamaged(`tile (${row}, ${col}): ${problem.message}`, place);
    }
    const checked = data.length > 0 || header.checksEmpty;
    if (checked && planesCrc(planes) !== reader.entry(row, col, "planes").crcDecoded) {
      throw new MaskDamaged(`tile (${row}, ${col}): the planes are not those that were encoded`, place);
    }
    return planes;
  }

  /** A promise of the latents of a tile, kept so that windows that ask at the same time share it. */
  _tileLatents(row, col) {
    const key = row * this.header.cols + col;
    const found = this._latents.get(key) ?? this._decodeLatents(row, col);
    this._latents.delete(key); // so that it becomes the newest
    this._latents.set(key, found);
    found.catch(() => this._latents.delete(key));
    return found;
  }

  /** Forgets the latents that were used longest ago, between calls: one call may need more than are kept. */
  _forget() {
    const extra = [...this._latents.keys()].slice(0, Math.max(0, this._latents.size - this._kept));
    extra.forEach((key) => this._latents.delete(key));
  }

  async _decodeLatents(row, col) {
    const { header, _reader: reader } = this;
    const { width, height } = inCells(this._tileWindow(row, col), STRIDE);
    const groups = [];
    for (let group = 0; group < header.groups; group++) {
      const payload = await reader.payload(row, col, group);
      if (payload.length === 0) return null;
      const place = [row, col, group];
      const latents = inTile(place, () => this._codec.latents(payload, height, width, header.steps));
      if (crc32(bytesOf(latents)) !== reader.entry(row, col, group).crcDecoded) {
        throw new TileDamaged(`tile (${row}, ${col}), group ${group}: the latents are not those that were encoded; ` +
                              "fetch the stream again", place);
      }
      groups.push(latents);
    }
    return groups.length ? groups : null;
  }

  /** A tile without latents has no valid pixel, or it is damaged. */
  _checkEmpty(row, col, classes) {
    if (classes.length && !classes.some((plane) => plane.includes(CLASS_VALID))) return;
    throw new TileDamaged(`tile (${row}, ${col}): nothing says what its valid pixels are; the stream is not one that ` +
                          "rscodec writes", [row, col, 0]);
  }

  /** The coded bands of a window of a stream without a bound. It lies within one tile, which bounds the memory. */
  async _synthesised(window) {
    const { header, _radiometry: radiometry, _codec: codec } = this;
    const region = grown(inCells(window, STRIDE), codec.halo, inCells(this._whole, STRIDE));
    const pixels = times(region, STRIDE);
    const count = codec.channelCount;
    const fields = Array.from({ length: header.groups }, () => new Int16Array(region.width * region.height * count));
    const grey = fields.map(() => []);
    const tiles = [...cellsOf(inCells(region, header.tile / STRIDE))];
    for (const [row, col] of tiles) this._tileLatents(row, col).catch(() => {}); // all are read at once, then awaited
    for (const [row, col] of tiles) {
      const latents = await this._tileLatents(row, col);
      if (latents === null) continue;
      const whole = inCells(this._tileWindow(row, col), STRIDE);
      const part = overlap(whole, region);
      latents.forEach((group, g) => {
        copyPart(group, whole, fields[g], region, part, count);
        if (group.every((latent) => latent === 0)) grey[g].push(overlap(times(part, STRIDE), window));
      });
    }
    const planes = fields.flatMap((field, g) => {
      const cropped = this._channels(field, region, pixels, window);
      for (const part of grey[g]) for (const plane of cropped) fillPart(plane, window, part, 0.5);
      return cropped;
    });
    return toBands(radiometry, planes).map((values) => toPixels(values, header.dtype));
  }

  /** The three network channels of one group: synthesised over `region`, which is `pixels`, and cropped to `window`. */
  _channels(latents, region, pixels, window) {
    const planes = Array.from({ length: 3 }, () => new Float64Array(window.width * window.height).fill(0.5));
    if (latents.every((latent) => latent === 0)) return planes;
    const whole = this._codec.channels(latents, region.height, region.width, this.header.steps);
    const size = pixels.width * pixels.height;
    planes.forEach((plane, c) => copyPart(whole.subarray(c * size, (c + 1) * size), pixels, plane, window, window));
    return planes;
  }

  /** The coded bands of a tile of a bounded stream. `classes`: its class planes, none where all pixels are valid. */
  async _tileWithinBound(row, col, tile, latents, classes) {
    const { header, _reader: reader, _radiometry: radiometry, _limits: bound } = this;
    const place = [row, col, "residual"];
    const payload = await reader.payload(row, col, "residual");
    const planeOf = (band) => classes[classes.length === 1 ? 0 : band];
    const valid = (band, i) => classes.length === 0 || planeOf(band)[i] === CLASS_VALID;

    const region = inCells(tile, STRIDE);
    const channels = latents.flatMap((group) => this._channels(group, region, times(region, STRIDE), tile));
    const bases = toBands(radiometry, channels).map((v, band) => bound.base(v, payload[band] ?? 0));
    const values = payload.length === 0 ? bases : inTile(place, () => {
      return decodeResidual(payload.subarray(bases.length), bases, valid, tile.height, tile.width, bound);
    });

    const crc = values.reduce((sum, plane, band) => {
      return crc32(bytesOf(Int32Array.from(plane, (value, i) => (valid(band, i) ? value : 0))), sum);
    }, 0);
    const checked = payload.length > 0 || header.checksEmpty;
    if (checked && crc !== reader.entry(row, col, "residual").crcDecoded) {
      throw new TileDamaged(`tile (${row}, ${col}): the pixels are not those that were encoded; fetch the stream again`,
                            place);
    }
    return values.map((plane) => bound.pixels(plane));
  }
}

/** What is damaged in there, said of its place. */
function inTile(place, decode) {
  try {
    return decode();
  } catch (problem) {
    if (!(problem instanceof BitstreamError)) throw problem;
    throw new TileDamaged(`tile (${place[0]}, ${place[1]}): ${problem.message}; fetch the stream again`, place);
  }
}
