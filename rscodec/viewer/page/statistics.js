// Extremes and percentiles of bands, from samples of the blocks of the first picture.

const SAMPLES = 4096; // about how many samples of a block and band
const ALL_SAMPLES = 2 ** 18; // about how many samples of a block at most, in all bands

export class Statistics {
  constructor(layer) {
    this._layer = layer;
    this._blocks = []; // the samples of each block, for each band
    this._found = new Map();
  }

  /** Takes the pixels of these blocks, instead of those of earlier ones. Each block is sampled once. */
  take(blocks) {
    this._blocks = blocks.map((block) => block.samples ??= samplesOf(this._layer, block.pixels));
    this._found.clear();
  }

  /** Returns [lowest, highest, 2 %, 98 %] of the valid pixels of a band; null if there are none. */
  of(band) {
    if (!this._found.has(band)) this._found.set(band, summary(this._blocks.map((bands) => bands[band])));
    return this._found.get(band);
  }
}

/** Returns, for each band, samples of its visible pixels. */
function samplesOf(layer, pixels) {
  const count = pixels.width * pixels.height;
  const alpha = pixels.bands[layer.colours.indexOf("alpha")];
  const least = Math.max(1, count / SAMPLES, count * layer.bands / ALL_SAMPLES);
  const step = Math.floor(least) | 1; // odd, so that the samples are not all of a few columns
  return pixels.bands.map((values, band) => {
    const plane = layer.planeOf(pixels, band);
    const found = [];
    for (let i = 0; i < count; i += step) {
      if (!plane?.[i] && alpha?.[i] !== 0 && Number.isFinite(values[i])) found.push(values[i]);
    }
    return values.constructor.from(found);
  });
}

function summary(samples) {
  const sorted = new Float64Array(samples.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const some of samples) {
    sorted.set(some, at);
    at += some.length;
  }
  if (at === 0) return null;
  sorted.sort();
  const share = (part) => sorted[Math.round(part * (at - 1))];
  return [sorted[0], sorted[at - 1], share(0.02), share(0.98)];
}
