// The layers of a picture: a stream, which workers decode, or the raster that it is compared with, which the server
// reads.
//
// A layer gives blocks of pixels: { factor, row, col, groups }. Each pixel of a block of factor 16 is an average of 16
// x 16 pixels of the scene. `groups` is how many groups of network channels the block is made of; the first group
// carries the most information.

import { FIXED_BYTES, toHeader, wireNumbers } from "../decoder/header.js";
import { MAX_BANDS, MAX_TILE } from "../decoder/limits.js";
import { refusal } from "../decoder/refusal.js";
import { InputError, LimitExceeded, MissingWeights, Pool } from "../decoder/rscodec.js";
import { overlap } from "../decoder/windows.js";

const EDGE = 256; // about the edge of a block, in its own pixels
const SKETCH = 16; // the least factor of the first picture of a stream
export const COARSEST = 64;
const MOST_TILES = 2; // tiles of a stream along the edge of a block
const MAX_PIXELS = MAX_BANDS * MAX_TILE ** 2; // pixels of a block, in all bands: those of the largest tile
const MAX_WEIGHTS = 2 ** 28; // bytes

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array, float32: Float32Array,
                 float64: Float64Array };

class Layer {
  /** `about` has at least width, height, bands, dtype, coded, metadata and name. */
  constructor(about) {
    Object.assign(this, about);
    const { colorinterp, descriptions } = this.metadata;
    [this.colours, this.descriptions] = [colorinterp, descriptions].map((texts) => {
      return Array.from({ length: this.bands }, (_, band) => (typeof texts?.[band] === "string" ? texts[band] : ""));
    });
  }

  /** Ends the workers of the layer. */
  end() {}

  /** Returns the edge of the blocks of a factor, in pixels of the scene. */
  edge(factor) {
    return EDGE * Math.max(2, factor);
  }

  /** Returns what to show at a factor, in this order: a list of { factor, groups }. */
  stages(factor) {
    return [{ factor, groups: null }];
  }

  /** Returns the block in its own pixels, and its place in the scene. */
  windows({ factor, row, col }) {
    const edge = this.edge(factor);
    const place = { col: col * edge, row: row * edge };
    place.width = Math.min(edge, this.width - place.col);
    place.height = Math.min(edge, this.height - place.row);
    const window = { col: place.col / factor, row: place.row / factor, width: Math.ceil(place.width / factor),
                     height: Math.ceil(place.height / factor) };
    return { place, window };
  }

  /** Returns the class plane of a band, or null if all its pixels are valid. */
  planeOf({ classes }, band) {
    const place = this.coded.indexOf(band);
    return classes && place >= 0 ? classes[classes.length === 1 ? 0 : place] : null;
  }
}

export class StreamLayer extends Layer {
  /** `entry` is { name, path or blob, weights: a path or null }. */
  static async open(entry) {
    const source = entry.blob ? { blob: entry.blob } : { url: new URL(entry.path, document.baseURI).href };
    const weights = fetchWeights(entry.weights ?? await weightsOf(entry.blob));
    const cores = navigator.hardwareConcurrency || 2;
    const size = Math.max(1, Math.min(navigator.deviceMemory <= 2 ? 1 : 4, cores - 1));
    const setup = [["weights", weights], ["open", "scene", source, { maxPixels: MAX_PIXELS }]];
    const pool = new Pool({ size, setup });
    try {
      const { header, metadata, bound, coded } = await pool.run("about", "scene");
      const { width, height, bands, dtype, tile } = header;
      pool.seconds *= Math.max(1, tile / 512);
      return new StreamLayer({ name: entry.name, bytes: entry.bytes, header, metadata, bound, coded, width, height, bands,
                               dtype, pool });
    } catch (problem) {
      pool.end();
      throw problem;
    }
  }

  get free() {
    return this.pool.free;
  }

  end() {
    this.pool.end();
  }

  /**
   * If each tile is decoded by itself, a block consists of whole tiles. A block spans at most MOST_TILES tiles or 512
   * pixels of the scene, whichever is more.
   */
  edge(factor) {
    const { tile, bounded } = this.header;
    const unit = bounded ? tile : 512;
    const step = factor * (unit / common(unit, factor));
    return step * Math.max(1, Math.floor(Math.min(EDGE * factor, Math.max(512, MOST_TILES * tile)) / step));
  }

  stages(factor) {
    const { groups } = this.header;
    const rough = { factor: Math.max(SKETCH, factor), groups: Math.min(1, groups) };
    return rough.factor === factor && groups <= 1 ? [{ factor, groups }] : [rough, { factor, groups }];
  }

  /** Returns the part of a window that lies in a tile [row, col, ...]. */
  tilePart([row, col], part) {
    const { tile } = this.header;
    return overlap({ row: row * tile, col: col * tile, width: tile, height: tile }, part);
  }

  load(block) {
    const { window } = this.windows(block);
    if (block.factor === 1) return this.pool.run("read", "scene", window);
    return this.pool.run("preview", "scene", window, block.factor, block.groups);
  }
}

export class RasterLayer extends Layer {
  constructor(about) {
    super(about);
    this.free = 2;
  }

  async load(block) {
    const { window: { width, height } } = this.windows(block);
    this.free--;
    try {
      const answer = await fetch(`original/${block.factor}/${block.row}/${block.col}.bin`);
      if (!answer.ok) throw new InputError(await refusal(answer));
      const data = await answer.arrayBuffer();
      const ArrayType = ARRAYS[this.dtype];
      const size = width * height;
      const bytes = size * ArrayType.BYTES_PER_ELEMENT;
      if (data.byteLength !== bytes * this.bands + size * this.planes) {
        throw new InputError(`the server sends ${data.byteLength} bytes, which is not the size of this block`);
      }
      const bands = Array.from({ length: this.bands }, (_, band) => new ArrayType(data, band * bytes, size));
      const classes = Array.from({ length: this.planes }, (_, plane) => {
        return new Uint8Array(data, bytes * this.bands + plane * size, size);
      });
      return { width, height, bands, classes: this.planes ? classes : null, damage: [] };
    } finally {
      this.free++;
    }
  }
}

async function fetchWeights(path) {
  const answer = await fetch(path);
  if (!answer.ok) {
    throw new MissingWeights(`the stream needs ${path.split("/").at(-1)}, which is not here (status ${answer.status})`);
  }
  if (Number(answer.headers.get("Content-Length") ?? 0) > MAX_WEIGHTS) {
    throw new LimitExceeded(`the weights have more than ${MAX_WEIGHTS} bytes`);
  }
  return answer.arrayBuffer();
}

/** Returns the path of the weights that a dropped file names. */
async function weightsOf(blob) {
  const header = toHeader(wireNumbers(new Uint8Array(await blob.slice(0, FIXED_BYTES).arrayBuffer())));
  return `weights/${header.model}-${header.weightsHash}.safetensors`;
}

function common(a, b) {
  return b ? common(b, a % b) : a;
}
