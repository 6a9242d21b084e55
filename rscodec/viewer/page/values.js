// The position and the values under the cursor.

import { bandName, generated } from "./panel.js";

/** Updates `line` when the cursor moves over `canvas`. Returns what updates it when the picture has changed. */
export function showValues(line, canvas, picture) {
  const [first] = picture.sides;
  let cursor = null;
  line.style.minHeight = "";
  const update = () => {
    const pixel = cursor && picture.view.pixelAt(...cursor); // before the line changes, and with it the canvas
    line.replaceChildren();
    if (pixel) describe(pixel);
    else add("", "Move over the scene, or touch it, for its values.");
    line.style.minHeight = `${line.offsetHeight}px`; // it never shrinks: the scene stays in its place
  };
  const describe = ({ col, row }) => {
    const { width, height } = first.layer;
    if (col < 0 || row < 0 || col >= width || row >= height) return;
    add("column, row", `${col}, ${row}`);
    const place = mapPlace(first.layer.metadata.transform, col + 0.5, row + 0.5);
    if (place) add("x, y", place);
    const over = cursor[0] / canvas.clientWidth < picture.split ? 0 : 1;
    const blocks = picture.sides[over] ?? first;
    const found = blocks.at(col, row);
    if (!found) {
      add("", "not decoded yet");
      return;
    }
    const { block: { factor, pixels }, place: at } = found;
    const made = generated(blocks.layer);
    pixels.bands.forEach((values, band) => {
      const invalid = blocks.layer.planeOf(pixels, band)?.[at];
      const value = invalid ? "nodata" : String(Number(values[at].toPrecision(7)));
      add(bandName(blocks.layer, band), made?.bands.includes(band) ? `${value} (generated)` : value);
    });
    if (factor > 1) add("", `means of about ${factor} x ${factor} pixels`);
  };
  const add = (name, text) => {
    const part = line.appendChild(document.createElement("span"));
    if (name) part.appendChild(document.createElement("b")).textContent = `${name} `;
    part.append(text);
  };
  const point = (event) => {
    cursor = [event.offsetX, event.offsetY];
    update();
  };
  canvas.onpointermove = point;
  canvas.onpointerdown = point;
  update();
  return update;
}

/** Returns the map coordinates of a point; null for a scene without any. */
function mapPlace(transform, col, row) {
  if (!Array.isArray(transform) || transform.length !== 6 || !transform.every(Number.isFinite)) return null;
  const [a, b, c, d, e, f] = transform;
  return [a * col + b * row + c, d * col + e * row + f].map((value) => Number(value.toPrecision(9))).join(", ");
}
