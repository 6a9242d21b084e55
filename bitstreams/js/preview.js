// A small picture of a scene without decoding all of it: every pixel is an average of `factor` x `factor`.
//
//   factor   how it is made
//   16 ...   the first channels of every tile, by the linear shortcut, 1 pixel a latent
//   4, 8     the same with more channels, 4 x 4 or 2 x 2 pixels a latent
//   1, 2     the whole decode
//
// Averages are over valid pixels; a pixel has the class that most of its pixels have.

import { protectNodata, toPixels } from "./pixels.js";
import { toBands } from "./radiometry.js";
import { inCells, overlap, times } from "./windows.js";
import { CLASS_COUNT, CLASS_MASKED, CLASS_VALID } from "./wire.js";

const STRIDE = 16;
const FINEST = 4; // factors below it are decoded as a whole

/** `window` of the small picture, in the form of Scene.read. `groups`: how many network groups to look at. */
export async function preview(scene, window, factor, groups) {
  const sums = new Sums(scene, window);
  const pixels = overlap(times(window, factor), scene.whole);
  const tiles = inCells(pixels, scene.header.tile);
  for (let row = tiles.row; row < tiles.row + tiles.height; row++) { // of a row all are read at once
    const cols = Array.from({ length: tiles.width }, (_, i) => tiles.col + i);
    const found = await Promise.all(cols.map((col) => {
      return factor < FINEST ? decoded(scene, row, col, pixels) : sketched(scene, row, col, factor, groups);
    }));
    found.forEach((tile) => sums.add(tile, factor));
  }
  return sums.finish();
}

/**
 * What is known of a tile: { at: its window, classes, exact, coded: planes of `cell` x `cell` pixels or null, cell }.
 * A tile that is damaged has neither classes nor coded bands.
 */
async function sketched(scene, row, col, factor, groups) {
  const at = scene.tileWindow(row, col);
  const { radiometry } = scene;
  let exact;
  try {
    const planes = await scene.planes(row, col);
    const { classes } = planes;
    exact = planes.exact;
    if (!radiometry.groups) return { at, classes, exact, coded: null };
    const detail = Math.max(1, STRIDE / factor);
    const channels = await scene.sketch(row, col, detail, groups);
    if (channels === null) {
      scene.checkEmpty(row, col, classes);
      return { at, classes, exact, coded: null };
    }
    const coded = toBands(radiometry, channels).map((values) => toPixels(values, scene.header.dtype));
    return { at, classes, exact, coded, cell: STRIDE / detail };
  } catch (problem) {
    scene.note(problem);
    return { at, exact };
  }
}

async function decoded(scene, row, col, pixels) {
  const at = overlap(scene.tileWindow(row, col), pixels);
  const { bands, classes } = await scene.read(at);
  const { coded, exact } = scene.radiometry;
  return { at, classes: classes ?? [], exact: exact.map((band) => bands[band]), coded: coded.map((band) => bands[band]),
           cell: 1 };
}

/** Sums over the pixels of a window of the small picture. */
class Sums {
  constructor(scene, window) {
    const { coded, exact, planeCount } = scene.radiometry;
    this._scene = scene;
    this._window = window;
    this._size = window.width * window.height;
    const zeros = (count) => Array.from({ length: count }, () => new Float64Array(this._size));
    [this._coded, this._weight, this._exact, [this._area]] = [coded.length, coded.length, exact.length, 1].map(zeros);
    this._votes = Array.from({ length: planeCount }, () => zeros(CLASS_COUNT));
  }

  add({ at, classes, exact, coded, cell }, factor) {
    const window = this._window;
    fold(null, at, factor, this._area, window);
    exact?.forEach((plane, i) => fold(plane, at, factor, this._exact[i], window));
    if (!classes) return;
    this._votes.forEach((kinds, plane) => kinds.forEach((votes, kind) => {
      const of = classes[plane];
      if (!of) return kind === CLASS_VALID && fold(null, at, factor, votes, window);
      return of.includes(kind) && fold(of, at, factor, votes, window, (value) => Number(value === kind));
    }));
    if (coded === null) return;
    const cells = inCells(at, cell);
    const stride = cell === 1 ? at.width : inCells(at, STRIDE).width * (STRIDE / cell);
    const counts = (classes.length ? classes : [null]).map((plane) => {
      const count = new Float64Array(cells.width * cells.height);
      fold(plane, at, cell, count, cells, (value) => Number(value === CLASS_VALID));
      return count;
    });
    coded.forEach((values, band) => {
      const count = counts[counts.length === 1 ? 0 : band];
      const weighted = count.map((weight, i) => {
        return weight && weight * values[Math.floor(i / cells.width) * stride + (i % cells.width)];
      });
      fold(weighted, cells, factor / cell, this._coded[band], window);
      fold(count, cells, factor / cell, this._weight[band], window);
    });
  }

  finish() {
    const { header, radiometry, nodata } = this._scene;
    const { coded, exact, planeCount } = radiometry;
    const [size, area] = [this._size, this._area];
    const bands = Array(header.bands);
    exact.forEach((band, i) => {
      bands[band] = toPixels(this._exact[i].map((sum, at) => sum / area[at]), header.dtype);
    });
    let classes = planeCount ? this._votes.map((kinds) => mostVotes(kinds, size)) : null;
    const lost = new Uint8Array(size).fill(coded.length ? 1 : 0); // pixels of which no band knows anything
    coded.forEach((band, i) => {
      const weight = this._weight[i];
      const plane = classes && classes[planeCount === 1 ? 0 : i];
      const values = this._coded[i].map((sum, at) => sum / (weight[at] || 1));
      bands[band] = toPixels(values, header.dtype);
      protectNodata(bands[band], plane, nodata, header.dtype);
      for (let at = 0; at < size; at++) {
        if (weight[at] === 0 && (!plane || plane[at] === CLASS_VALID)) bands[band][at] = this._scene.blank;
        else lost[at] = 0;
      }
    });
    if (lost.includes(1)) {
      classes ??= [new Uint8Array(size)];
      for (const plane of classes) for (let at = 0; at < size; at++) if (lost[at]) plane[at] = CLASS_MASKED;
    }
    return { width: this._window.width, height: this._window.height, bands, classes };
  }
}

/** Adds `of` each value of an array that lies at `at` to its square of `size` x `size`, as far as `window` has it. */
function fold(values, at, size, target, window, of = (value) => value) {
  for (let r = 0; r < at.height; r++) {
    const row = Math.floor((at.row + r) / size) - window.row;
    if (row < 0 || row >= window.height) continue;
    for (let c = 0; c < at.width; c++) {
      const col = Math.floor((at.col + c) / size) - window.col;
      if (col < 0 || col >= window.width) continue;
      target[row * window.width + col] += values ? of(values[r * at.width + c]) : 1;
    }
  }
}

function mostVotes(kinds, size) {
  return Uint8Array.from({ length: size }, (_, at) => {
    return kinds.reduce((best, votes, kind) => (votes[at] > kinds[best][at] ? kind : best), 0);
  });
}
