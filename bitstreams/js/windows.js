// Rectangles of pixels or latents: { col, row, width, height }.

/** Returns the intersection. Its width or height is below 1 if it is empty. */
export function overlap(a, b) {
  const col = Math.max(a.col, b.col);
  const row = Math.max(a.row, b.row);
  return { col, row, width: Math.min(a.col + a.width, b.col + b.width) - col,
           height: Math.min(a.row + a.height, b.row + b.height) - row };
}

/** Returns this window with a border, cropped to `inside`. */
export function grown(window, by, inside) {
  return overlap({ col: window.col - by, row: window.row - by, width: window.width + 2 * by,
                   height: window.height + 2 * by }, inside);
}

/** Returns the cells of this edge that cover a window, as a window of cells. */
export function inCells(window, edge) {
  const col = Math.floor(window.col / edge);
  const row = Math.floor(window.row / edge);
  return { col, row, width: Math.ceil((window.col + window.width) / edge) - col,
           height: Math.ceil((window.row + window.height) / edge) - row };
}

/** Returns the window that these cells cover. */
export function times(cells, edge) {
  return { col: cells.col * edge, row: cells.row * edge, width: cells.width * edge, height: cells.height * edge };
}

/** Each [row, col] of a window, row by row. */
export function* cellsOf(window) {
  for (let row = window.row; row < window.row + window.height; row++) {
    for (let col = window.col; col < window.col + window.width; col++) yield [row, col];
  }
}

/** Copies `part` from an array of the window `from` to one of the window `to`, `channels` numbers per position. */
export function copyPart(source, from, target, to, part, channels = 1) {
  for (let row = part.row; row < part.row + part.height; row++) {
    const begin = ((row - from.row) * from.width + part.col - from.col) * channels;
    const place = ((row - to.row) * to.width + part.col - to.col) * channels;
    target.set(source.subarray(begin, begin + part.width * channels), place);
  }
}

/** Sets `part` of an array of `window` to a value. The part may be empty. */
export function fillPart(target, window, part, value) {
  if (part.width < 1) return;
  for (let row = part.row; row < part.row + part.height; row++) {
    const place = (row - window.row) * window.width + part.col - window.col;
    target.fill(value, place, place + part.width);
  }
}
