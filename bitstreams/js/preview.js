// Makes a small picture of a scene without a complete decode. Each of its pixels is an average of `factor` x `factor`
// pixels of the scene.
//
//   factor   how it is made
//   16 ...   the first channels of every tile, by the linear shortcut, 1 pixel per latent
//   4, 8     the same with more channels, 4 x 4 or 2 x 2 pixels per latent
//   1, 2     a complete decode
//
// Averages are over valid pixels. A pixel of the picture gets the class that most of the pixels under it have.

import { protectNodata, toPixels } from "./pixels.js";
import { toBands } from "./radiometry.js";
import { inCells, overlap, times } from "./windows.js";
import { CLASS_COUNT, CLASS_MASKED, CLASS_VALID } from "./wire.js";

const STRIDE = 16;
const FINEST = 4; // smaller factors are decoded completely

/**
 * Returns `window` of the small picture, in the form of Scene.read. `groups` is how many network groups a sketch uses;
 * a complete decode uses all.
 */
export async function preview(scene, window, factor, groups) {
  const sums = new Sums(scene, window);
  const pixels = overlap(times(window, factor), scene.whole);
  const tiles = inCells(pixels, scene.header.tile);
  for (let row = tiles.row; row < tiles.row + tiles.height; row++) { // reads all tiles of a row at once
    const cols = Array.from({ length: tiles.width }, (_, i) => tiles.col + i);
    const found = await Promise.all(cols.map((col) => {
      return factor < FINEST ? decoded(scene, row, col, pixels) : sketched(scene, row, col, factor, groups);
    }));
    found.forEach((tile) => sums.add(tile, factor));
  }
  return sums.finish();
}

/**
 * Returns what is known of a tile: { at: its window, classes, exact, coded: planes of `cell` x `cell` pixels or null,
 * cell }. A damaged tile has neither classes nor coded bands.
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
    const planes = classes.map((plane) => (plane.some((kind) => kind !== CLASS_VALID) ? plane : null)); // null: all valid
    this._votes.forEach((kinds, plane) => kinds.forEach((votes, kind) => {
      if (planes[plane]) foldKind(planes[plane], kind, at, factor, votes, window);
      else if (kind === CLASS_VALID) fold(null, at, factor, votes, window);
    }));
    if (coded === null) return;
    const cells = inCells(at, cell);
    const stride = cell === 1 ? at.width : inCells(at, STRIDE).width * (STRIDE / cell);
    const counts = (planes.length ? planes : [null]).map((plane) => {
      const count = new Float64Array(cells.width * cells.height);
      if (plane) foldKind(plane, CLASS_VALID, at, cell, count, cells);
      else fold(null, at, cell, count, cells);
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
    const lost = new Uint8Array(size).fill(coded.length ? 1 : 0); // pixels that no band has a value for
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

/**
 * Adds the values of an array that lies at `at` to the sums in `target`, one for each square of `size` x `size` in
 * `window`. null stands for values that are all 1.
 */
function fold(values, at, size, target, window) {
  const rows = squares(at.row, at.height, size, window.row, window.height);
  const cols = squares(at.col, at.width, size, window.col, window.width);
  if (values === null) {
    for (const row of rows) if (row >= 0) for (const col of cols) if (col >= 0) target[row * window.width + col]++;
    return;
  }
  for (let r = 0; r < at.height; r++) {
    if (rows[r] < 0) continue;
    for (let c = 0; c < at.width; c++) {
      if (cols[c] >= 0) target[rows[r] * window.width + cols[c]] += values[r * at.width + c];
    }
  }
}

/** Counts the pixels of one class in the same way. */
function foldKind(plane, kind, at, size, target, window) {
  if (plane.includes(kind)) fold(plane.map((one) => Number(one === kind)), at, size, target, window);
}

/** Returns, for each of `count` positions, the square of a window that contains it; -1 outside. */
function squares(first, count, size, begin, length) {
  return Int32Array.from({ length: count }, (_, i) => {
    const square = Math.floor((first + i) / size) - begin;
    return square < length ? Math.max(-1, square) : -1;
  });
}

function mostVotes(kinds, size) {
  return Uint8Array.from({ length: size }, (_, at) => {
    return kinds.reduce((best, votes, kind) => (votes[at] > kinds[best][at] ? kind : best), 0);
  });
}
