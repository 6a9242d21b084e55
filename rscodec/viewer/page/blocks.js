// The blocks of a layer: which ones the screen needs, which ones are loaded, and which ones can be dropped.

const MOST_BYTES = 2 ** 27; // of the pixels that are kept

export class Blocks {
  /** `came(block)` is called when a block has arrived. */
  constructor(layer, came) {
    this.layer = layer;
    this._came = came;
    this._blocks = new Map();
    this._wanted = [];
    this._bytes = 0;
    this.loading = 0;
  }

  /** Returns whether nothing more will arrive for what is on the screen. */
  get idle() {
    return this.loading === 0 && this._wanted.every((block) => this._blocks.has(block.key));
  }

  /** Sets which part of the scene is on the screen, and about how many of its pixels one pixel of the screen shows. */
  look(rect, factor) {
    const [middleRow, middleCol] = [rect.row + rect.height / 2, rect.col + rect.width / 2];
    this._wanted = this.layer.stages(factor).flatMap((stage) => {
      const edge = this.layer.edge(stage.factor);
      const distance = ({ row, col }) => Math.hypot((row + 0.5) * edge - middleRow, (col + 0.5) * edge - middleCol);
      return this._cover(rect, stage, edge).sort((a, b) => distance(a) - distance(b));
    });
    for (const { key } of this._wanted) { // makes it the newest
      const block = this._blocks.get(key);
      if (block) this._blocks.delete(key) && this._blocks.set(key, block);
    }
    this._pump();
  }

  /** Ends the layer and requests no more blocks. */
  end() {
    this._wanted = [];
    this.layer.end();
  }

  /** Returns the loaded blocks for a part of the scene, the coarsest first, none finer than `factor`. */
  visible(rect, factor) {
    return [...this._blocks.values()]
      .filter((block) => !block.pending && block.factor >= factor && touches(block.place, rect))
      .sort((a, b) => b.factor - a.factor || a.groups - b.groups);
  }

  /** Returns the finest block that contains a pixel, and the pixel's position in it; null if there is none. */
  at(col, row) {
    const point = { col, row, width: 1, height: 1 };
    const block = this.visible(point, 0).filter(({ pixels }) => pixels).at(-1);
    if (!block) return null;
    const { window, factor, pixels } = block;
    const place = (Math.floor(row / factor) - window.row) * pixels.width + Math.floor(col / factor) - window.col;
    return { block, place };
  }

  /** Forgets the blocks that failed, so that they are requested again. */
  retry() {
    for (const [key, block] of this._blocks) if (block.error) this._blocks.delete(key);
  }

  _cover(rect, { factor, groups }, edge) {
    const { width, height } = this.layer;
    const found = [];
    const last = { row: Math.min(rect.row + rect.height, height), col: Math.min(rect.col + rect.width, width) };
    for (let row = Math.max(0, Math.floor(rect.row / edge)); row * edge < last.row; row++) {
      for (let col = Math.max(0, Math.floor(rect.col / edge)); col * edge < last.col; col++) {
        found.push({ key: `${factor} ${groups} ${row} ${col}`, factor, groups, row, col });
      }
    }
    return found;
  }

  _pump() {
    for (const block of this._wanted) {
      if (this.layer.free < 1) return;
      if (!this._blocks.has(block.key)) this._load(block);
    }
  }

  async _load(wanted) {
    const block = { ...wanted, ...this.layer.windows(wanted), pending: true, pixels: null, error: null, painted: null,
                    samples: null };
    this._blocks.set(block.key, block);
    this.loading++;
    try {
      block.pixels = await this.layer.load(block);
      this._bytes += bytesOf(block);
    } catch (problem) {
      block.error = problem;
    }
    block.pending = false;
    this.loading--;
    this._forget();
    this._pump();
    this._came(block);
  }

  /** Drops the blocks that were on the screen longest ago. */
  _forget() {
    const wanted = new Set(this._wanted.map(({ key }) => key));
    for (const [key, block] of this._blocks) {
      if (this._bytes <= MOST_BYTES) return;
      if (block.pending || wanted.has(key)) continue;
      this._blocks.delete(key);
      this._bytes -= bytesOf(block);
    }
  }
}

function bytesOf({ pixels }) {
  if (pixels === null) return 0;
  return [...pixels.bands, ...(pixels.classes ?? [])].reduce((sum, plane) => sum + plane.byteLength, 0);
}

function touches(a, b) {
  return a.col < b.col + b.width && b.col < a.col + a.width && a.row < b.row + b.height && b.row < a.row + a.height;
}
