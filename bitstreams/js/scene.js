// A scene. Its header and metadata are known when it is opened. Its pixels are read by window or tile.
//
//   payloads -> latents of each tile (kept, its neighbours need them too) -> latents of a window and the halo around it
//   -> network channels -> bands -> pixels
//
// In a bounded stream, each tile is synthesised alone, and its residual is added.

import { Bound } from "./bound.js";
import { crc32 } from "./crc32.js";
import { PIXELS, bytesOf } from "./dtypes.js";
import { BadField, BitstreamError, InputError, LimitExceeded, MaskDamaged, MissingWeights, TileDamaged,
         WrongWeights } from "./errors.js";
import { MAX_PIXELS } from "./limits.js";
import { nativeNodata, protectNodata, toPixels } from "./pixels.js";
import { decodePlanes, planesCrc } from "./planes.js";
import { preview } from "./preview.js";
import { readRadiometry, toBands } from "./radiometry.js";
import { decodeResidual } from "./residual.js";
import { nodataOf } from "./sections.js";
import { cellsOf, copyPart, fillPart, grown, inCells, overlap, times } from "./windows.js";
import { CLASS_MASKED, CLASS_VALID } from "./wire.js";

const STRIDE = 16;
const CACHE_BYTES = 2 ** 26; // of decoded latents, about

export class Scene {
  constructor(reader, codec, { maxPixels = MAX_PIXELS, onDamage = null } = {}) {
    this.header = reader.header;
    this.metadata = reader.metadata;
    this.bound = reader.bound;
    this._reader = reader;
    this._codec = codec;
    this._maxPixels = maxPixels;
    this._onDamage = onDamage;
    this._latents = new Map();
    this.whole = { col: 0, row: 0, width: this.header.width, height: this.header.height };
  }

  /** The numbers of the bands that a network codes. The other bands are lossless. */
  get coded() {
    this._prepare();
    return this.radiometry.coded;
  }

  /** Returns the pixels of a tile, in the form of `read`. */
  tile(row, col) {
    return this.read(this.tileWindow(row, col));
  }

  /**
   * Returns the pixels of a window { col, row, width, height }:
   * { width, height, bands: a typed array for each band, classes: null or a Uint8Array for each class plane }.
   * There is one class plane for all coded bands, or one for each of them; 0 is a valid pixel.
   */
  async read(window) {
    this._check(window, this.whole);
    this._prepare();
    this._forget();
    const { header, radiometry } = this;
    const { array } = PIXELS[header.dtype];
    const size = window.width * window.height;
    const planes = header.planes ? radiometry.planeCount : 0;
    let classes = planes ? Array.from({ length: planes }, () => new Uint8Array(size)) : null;
    const bands = Array.from({ length: header.bands }, () => new array(size));
    const damaged = [];
    for (const [row, col] of cellsOf(inCells(window, header.tile))) {
      try {
        await this._readTile(row, col, window, bands, classes);
      } catch (problem) {
        this.note(problem);
        damaged.push(overlap(this.tileWindow(row, col), window));
      }
    }
    radiometry.coded.forEach((band, i) => {
      protectNodata(bands[band], classes && classes[planes === 1 ? 0 : i], this.nodata, header.dtype);
      for (const part of damaged) fillPart(bands[band], window, part, this.blank);
    });
    if (damaged.length) classes ??= [new Uint8Array(size)];
    for (const part of damaged) for (const plane of classes) fillPart(plane, window, part, CLASS_MASKED);
    return { width: window.width, height: window.height, bands, classes };
  }

  /** Returns the size of the scene made `factor` times smaller. `factor` is a power of two. */
  smallSize(factor) {
    return { width: Math.ceil(this.header.width / factor), height: Math.ceil(this.header.height / factor) };
  }

  /**
   * Returns the pixels of a window of the scene made `factor` times smaller, in the form of `read` (preview.js).
   * `groups` is how many groups of network channels are used, all by default; the first group carries the most
   * information. For factors 1 and 2, all are used.
   */
  async preview(window, factor, groups = this.header.groups) {
    if (!Number.isInteger(Math.log2(factor)) || factor < 1) {
      throw new InputError(`a scene cannot be made ${factor} times smaller; choose a power of two`);
    }
    this._check(window, { col: 0, row: 0, ...this.smallSize(factor) });
    this._prepare();
    return preview(this, window, factor, groups);
  }

  /** Returns the latents of a tile, an Int16Array (rows, columns, N) for each group; null if it has no valid pixel. */
  async latents(row, col) {
    this._check(this.tileWindow(row, col), this.whole);
    this._prepare();
    this._forget();
    return this._tileLatents(row, col);
  }

  /**
   * Checks what pixels need besides the header: that the codec is the right one and that the radiometry is legal. Runs
   * once.
   */
  _prepare() {
    if (this.radiometry) return;
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
    if ((radiometry.planeCount || radiometry.exact.length) && !header.planes) {
      throw new BadField("the radiometry section has planes, but the header has none; the stream is not one that " +
                         "rscodec writes");
    }
    this.nodata = nativeNodata(nodata, header.dtype);
    this.blank = this.nodata ?? (PIXELS[header.dtype].integer ? 0 : NaN); // a pixel of a damaged tile
    this._limits = this.bound === null ? null : new Bound(this.bound, header.dtype, nodata);
    this.radiometry = radiometry;
    const tileBytes = 2 * codec.channelCount * (header.tile / STRIDE) ** 2 * Math.max(1, header.groups);
    this._kept = Math.max(16, Math.floor(CACHE_BYTES / tileBytes));
  }

  /** Checks that `window` is inside `whole`, and not too large. */
  _check(window, whole) {
    const { col, row, width, height } = window;
    const integers = [col, row, width, height].every(Number.isInteger);
    const inside = integers && width > 0 && height > 0 && col >= 0 && row >= 0 &&
      col + width <= whole.width && row + height <= whole.height;
    if (!inside) {
      throw new InputError(`window ${[col, row, width, height].join(" ")} is not inside the scene, which has ` +
                           `${whole.width} x ${whole.height} pixels; choose another one`);
    }
    const count = width * height * this.header.bands;
    if (count > this._maxPixels) {
      throw new LimitExceeded(`the window has ${count} pixels in all bands, above the limit of ${this._maxPixels}; ` +
                              "read a smaller one, or give open() a larger maxPixels");
    }
  }

  /** Returns the window of a tile in pixels. It is empty for a tile outside the grid. */
  tileWindow(row, col) {
    const edge = this.header.tile;
    return overlap({ col: col * edge, row: row * edge, width: edge, height: edge }, this.whole);
  }

  /**
   * Returns the class planes and lossless bands of a tile: { classes, exact }. There are no planes if all pixels are
   * valid.
   */
  async planes(row, col) {
    const { header, radiometry, _reader: reader } = this;
    if (!header.planes) return { classes: [], exact: [] };
    const data = await reader.payload(row, col, "planes");
    const { width, height } = this.tileWindow(row, col);
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

  /** Returns approximate network channels of a tile, three planes for each group; null if it has no valid pixel. */
  async sketch(row, col, detail, groups) {
    const { header, _reader: reader } = this;
    const { width, height } = inCells(this.tileWindow(row, col), STRIDE);
    const size = width * height * detail ** 2;
    const planes = Array.from({ length: 3 * header.groups }, () => new Float64Array(size).fill(0.5));
    const payloads = await Promise.all(Array.from({ length: groups }, (_, group) => reader.payload(row, col, group)));
    if (payloads.some((payload) => payload.length === 0)) return null;
    payloads.forEach((payload, group) => {
      if (payload.length === 1 && payload[0] === 0) return;
      const drawn = inTile([row, col, group], () => {
        return this._codec.sketch(payload, height, width, header.steps, detail);
      });
      for (let c = 0; c < 3; c++) planes[3 * group + c] = drawn.subarray(c * size, (c + 1) * size);
    });
    return planes;
  }

  /** Passes damage to `onDamage`, or throws it. Throws all other problems. */
  note(problem) {
    if (!(problem instanceof TileDamaged) || this._onDamage === null) throw problem;
    this._onDamage(problem);
  }

  /** Decodes the part of a window that lies in a tile, and copies it into the window's bands and classes. */
  async _readTile(row, col, window, bands, classes) {
    const { coded, exact, groups } = this.radiometry;
    const tile = this.tileWindow(row, col);
    const part = overlap(tile, window);
    const put = (plane, shows, into) => copyPart(plane, shows, into, window, part);
    if (groups) this._tileLatents(row, col).catch(() => {}); // read together with the planes, and awaited below
    const planes = await this.planes(row, col);
    planes.classes.forEach((plane, i) => put(plane, tile, classes[i]));
    planes.exact.forEach((band, i) => put(band, tile, bands[exact[i]]));
    const latents = groups ? await this._tileLatents(row, col) : null;
    if (latents !== null && this.bound !== null) {
      const pixels = await this._tileWithinBound(row, col, tile, latents, planes.classes);
      pixels.forEach((plane, i) => put(plane, tile, bands[coded[i]]));
    } else if (latents !== null) {
      const pixels = await this._synthesised(part);
      pixels.forEach((plane, i) => put(plane, part, bands[coded[i]]));
    } else if (groups) this.checkEmpty(row, col, planes.classes);
  }

  /** Returns a promise of the latents of a tile. It is kept, so that windows that ask at the same time share it. */
  _tileLatents(row, col) {
    const key = row * this.header.cols + col;
    const found = this._latents.get(key) ?? this._decodeLatents(row, col);
    this._latents.delete(key); // makes it the newest
    this._latents.set(key, found);
    found.catch(() => this._latents.delete(key));
    return found;
  }

  /**
   * Drops the latents that were used longest ago. It runs between calls, since one call may need more than are kept.
   */
  _forget() {
    const extra = [...this._latents.keys()].slice(0, Math.max(0, this._latents.size - this._kept));
    extra.forEach((key) => this._latents.delete(key));
  }

  async _decodeLatents(row, col) {
    const { header, _reader: reader } = this;
    const { width, height } = inCells(this.tileWindow(row, col), STRIDE);
    const numbers = [...Array(header.groups).keys()];
    const payloads = await Promise.all(numbers.map((group) => reader.payload(row, col, group)));
    const groups = [];
    for (const [group, payload] of payloads.entries()) {
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

  /** Checks that a tile without latents has no valid pixel; otherwise, the tile is damaged. */
  checkEmpty(row, col, classes) {
    if (classes.length && !classes.some((plane) => plane.includes(CLASS_VALID))) return;
    throw new TileDamaged(`tile (${row}, ${col}): nothing says what its valid pixels are; the stream is not one that ` +
                          "rscodec writes", [row, col, 0]);
  }

  /**
   * Returns the coded bands of a window of a stream without a bound. The window lies within one tile, which limits the
   * memory.
   */
  async _synthesised(window) {
    const { header, radiometry, _codec: codec } = this;
    const region = grown(inCells(window, STRIDE), codec.halo, inCells(this.whole, STRIDE));
    const pixels = times(region, STRIDE);
    const count = codec.channelCount;
    const fields = Array.from({ length: header.groups }, () => new Int16Array(region.width * region.height * count));
    const grey = fields.map(() => []);
    const tiles = [...cellsOf(inCells(region, header.tile / STRIDE))];
    for (const [row, col] of tiles) this._tileLatents(row, col).catch(() => {}); // all are read at once, then awaited
    for (const [row, col] of tiles) {
      let latents = null;
      try {
        latents = await this._tileLatents(row, col);
      } catch (problem) {
        this.note(problem);
      }
      if (latents === null) continue;
      const whole = inCells(this.tileWindow(row, col), STRIDE);
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

  /**
   * Returns the three network channels of one group in `window`. They are synthesised over a window of latents,
   * `region`, which covers `pixels`.
   */
  _channels(latents, region, pixels, window) {
    const planes = Array.from({ length: 3 }, () => new Float64Array(window.width * window.height).fill(0.5));
    if (latents.every((latent) => latent === 0)) return planes;
    const synthesis = this.bound === null ? "channels" : "channelsClosely";
    const whole = this._codec[synthesis](latents, region.height, region.width, this.header.steps);
    const size = pixels.width * pixels.height;
    planes.forEach((plane, c) => copyPart(whole.subarray(c * size, (c + 1) * size), pixels, plane, window, window));
    return planes;
  }

  /**
   * Returns the coded bands of a tile of a bounded stream. `classes` has its class planes, none if all pixels are
   * valid.
   */
  async _tileWithinBound(row, col, tile, latents, classes) {
    const { header, _reader: reader, radiometry, _limits: bound } = this;
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

/** Runs `decode` and throws damage with the place of the tile. */
function inTile(place, decode) {
  try {
    return decode();
  } catch (problem) {
    if (!(problem instanceof BitstreamError)) throw problem;
    throw new TileDamaged(`tile (${place[0]}, ${place[1]}): ${problem.message}; fetch the stream again`, place);
  }
}
