// Turns pixels into colours: which bands, and which of their values are black and white.

/**
 * Returns a canvas of a block. `bands` has one band, or those for red, green and blue. `ranges` has, for each band, the
 * values that are black and white. Pixels without a measurement are transparent.
 */
export function paint(layer, { pixels }, { bands, ranges }) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [pixels.width, pixels.height];
  const context = canvas.getContext("2d");
  const image = context.createImageData(pixels.width, pixels.height);
  const { data } = image;
  const count = pixels.width * pixels.height;
  const alpha = pixels.bands[layer.colours.indexOf("alpha")];
  for (let i = 0; i < count; i++) data[4 * i + 3] = alpha && !alpha[i] ? 0 : 255;
  for (let c = 0; c < 3; c++) {
    const chosen = bands.length === 1 ? 0 : c;
    const band = Math.min(bands[chosen], layer.bands - 1);
    const values = pixels.bands[band];
    const plane = layer.planeOf(pixels, band);
    const [low, high] = ranges[chosen];
    const scale = high > low ? 255 / (high - low) : 0;
    for (let i = 0; i < count; i++) {
      data[4 * i + c] = scale ? (values[i] - low) * scale : values[i] > low ? 255 : values[i] < low ? 0 : 128;
      if (plane && plane[i] || Number.isNaN(values[i])) data[4 * i + 3] = 0;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
