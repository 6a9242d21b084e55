// Turns pixels into colours: which bands, and which of their values are black and white.

const SAMPLES = 4096; // about how many samples of a block and band

/**
 * Returns, for each band, [lowest, highest, 2 %, 98 %] of the valid pixels of these blocks; null for a band without
 * valid pixels.
 */
export function statistics(layer, blocks) {
  return Array.from({ length: layer.bands }, (_, band) => {
    const found = [];
    for (const { pixels } of blocks) {
      const [values, plane] = [pixels.bands[band], layer.planeOf(pixels, band)];
      const step = Math.max(1, Math.floor(values.length / SAMPLES));
      for (let i = 0; i < values.length; i += step) {
        if (!(plane && plane[i]) && Number.isFinite(values[i])) found.push(values[i]);
      }
    }
    if (found.length === 0) return null;
    const sorted = Float64Array.from(found).sort();
    const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    return [sorted[0], sorted.at(-1), at(0.02), at(0.98)];
  });
}

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
