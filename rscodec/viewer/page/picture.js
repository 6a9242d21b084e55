// The picture: the blocks of one layer, or of two layers on the two sides of a handle.

import { Blocks } from "./blocks.js";
import { COARSEST } from "./layers.js";
import { paint } from "./paint.js";
import { rangesOf } from "./panel.js";
import { Statistics } from "./statistics.js";
import { View } from "./view.js";

const SHARPEST = 2; // the most pixels of the screen that are used for each CSS pixel
const MISSING = "#8884"; // blocks that are not loaded yet
const DAMAGED = "#c0392b88";

export class Picture {
  /** `told` is { changed(), came(layer, block) }. The second layer, if there is one, is on the right. */
  constructor(canvas, layers, style, told) {
    this._canvas = canvas;
    this._context = canvas.getContext("2d");
    this._told = told;
    this._style = style;
    this._settled = false; // whether the statistics of the first picture are complete
    this._arrived = false; // whether blocks arrived that are not in the statistics
    this._statistics = new Statistics(layers[0]);
    this.split = 0.5;
    this.sides = layers.map((layer) => new Blocks(layer, (block) => this._came(layer, block)));
    this._ending = new AbortController();
    this.view = new View(canvas, 1 / (1.5 * COARSEST), () => this.redraw(), this._ending.signal);
    this._checks = checkerboard(this._context);
    this.restyle(style);
    this._observer = new ResizeObserver(() => this.redraw());
    this._observer.observe(canvas);
    this.view.fit(layers[0].width, layers[0].height);
  }

  /** Requests again the blocks that failed. */
  retry() {
    this.sides.forEach((blocks) => blocks.retry());
    this.redraw();
  }

  /** Releases the canvas for another picture. */
  end() {
    this._ending.abort();
    this._observer.disconnect();
    this.sides.forEach((blocks) => blocks.end());
  }

  /** Returns whether nothing more will arrive for what is on the screen. */
  get idle() {
    return !this._asked && this.sides.every((blocks) => blocks.idle);
  }

  /** Shows the picture in a style { bands, stretch, manual }, as panel.js makes it. */
  restyle(style) {
    this._style = style;
    this.ranges = rangesOf(this.sides[0].layer, style, this._statistics);
    this.redraw();
  }

  /** Schedules a draw before the next frame. */
  redraw() {
    this._asked ||= requestAnimationFrame(() => {
      this._asked = 0;
      if (this._ending.signal.aborted) return;
      this._stretch();
      this._draw();
      this._told.changed();
    });
  }

  _came(layer, block) {
    if (this._ending.signal.aborted) return;
    if (layer === this.sides[0].layer && block.pixels) this._arrived = true;
    this._told.came(layer, block);
    this.redraw();
  }

  /** Adds the blocks that arrived to the statistics, until the first picture is complete. */
  _stretch() {
    const [first] = this.sides;
    if (this._settled || !this._arrived) return;
    this._arrived = false;
    this._settled = first.idle;
    this._statistics.take(first.visible(this.view.rect, this._factor).filter(({ pixels }) => pixels));
    const ranges = rangesOf(first.layer, this._style, this._statistics);
    if (String(ranges) !== String(this.ranges)) this.ranges = ranges; // other ranges paint all blocks again
  }

  /** Gives the canvas the pixels of the screen that it covers; this empties it. */
  _resize() {
    const { _canvas: canvas } = this;
    const width = Math.round(canvas.clientWidth * devicePixelRatio);
    const height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  }

  /** Returns about how many pixels of the scene, along an edge, one pixel of the screen shows: a power of two. */
  get _factor() {
    const sharp = this.view.scale * Math.min(devicePixelRatio, SHARPEST);
    return Math.max(1, Math.min(COARSEST, 2 ** Math.round(Math.log2(1 / sharp))));
  }

  _draw() {
    const { _context: context, _canvas: canvas, view } = this;
    const ratio = devicePixelRatio;
    this._resize();
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = view.scale * ratio < 2;
    const middle = this.sides.length > 1 ? Math.round(this.split * canvas.width) : canvas.width;
    this.sides.forEach((blocks, number) => {
      const [left, right] = number === 0 ? [0, middle] : [middle, canvas.width];
      const { col, row, height } = view.rect;
      const part = { row, height, col: col + left / ratio / view.scale, width: (right - left) / ratio / view.scale };
      context.save();
      context.beginPath();
      context.rect(left, 0, right - left, canvas.height);
      context.clip();
      this._drawSide(blocks, part);
      context.restore();
    });
  }

  _drawSide(blocks, part) {
    const { _context: context, _style: { bands }, ranges } = this;
    const { layer } = blocks;
    blocks.look(part, this._factor);
    context.fillStyle = MISSING;
    context.fillRect(...this._place({ col: 0, row: 0, width: layer.width, height: layer.height }));
    for (const block of blocks.visible(part, this._factor)) {
      const place = this._place(block.place);
      context.fillStyle = block.error ? DAMAGED : this._checks;
      context.fillRect(...place);
      if (block.error) continue;
      if (block.painted?.ranges !== ranges) block.painted = { ranges, canvas: paint(layer, block, { bands, ranges }) };
      const { factor, place: { width, height } } = block;
      context.drawImage(block.painted.canvas, 0, 0, width / factor, height / factor, ...place);
      context.fillStyle = DAMAGED;
      for (const { tile } of block.pixels.damage) context.fillRect(...this._place(layer.tilePart(tile, block.place)));
    }
  }

  /** Returns a window of the scene in pixels of the canvas. */
  _place({ col, row, width, height }) {
    const { rect, scale } = this.view;
    const at = (pixel) => Math.round(pixel * scale * devicePixelRatio);
    const [x, y] = [at(col - rect.col), at(row - rect.row)];
    return [x, y, at(col + width - rect.col) - x, at(row + height - rect.row) - y];
  }
}

/** Returns the pattern that is visible where there is no measurement. */
function checkerboard(context) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 16;
  const squares = tile.getContext("2d");
  squares.fillStyle = "#fff";
  squares.fillRect(0, 0, 16, 16);
  squares.fillStyle = "#ccc";
  squares.fillRect(0, 0, 8, 8);
  squares.fillRect(8, 8, 8, 8);
  return context.createPattern(tile, "repeat");
}
