// A loaded model: turns payloads into latents, and latents into network channels. Load it once and open any number of
// scenes with it.

import { EntropyDecoder } from "./entropy.js";
import { WrongWeights } from "./errors.js";
import { Synthesis } from "./synthesis.js";
import { readWeights } from "./weights.js";

// A sketch of one pixel per latent has three colour values. Four times as many channels hold nearly all of its
// information.
const SKETCH_CHANNELS = 12;

export class Codec {
  /** `buffer` is an ArrayBuffer of a weights file (safetensors). */
  constructor(buffer) {
    const weights = readWeights(buffer);
    this._groups = weights.config.groups;
    this.model = weights.model;
    this.hashes = weights.hashes;
    this.halo = weights.config.halo;
    this.channelCount = weights.config.latents;
    try {
      this._entropy = new EntropyDecoder(weights);
    } catch (problem) {
      throw new WrongWeights(`these are no usable rscodec weights (${problem.message}); give an exported .safetensors`);
    }
    this._weights = weights;
    this._synthesis = new Synthesis(weights, Float32Array);
  }

  /** Decodes one payload to latents (height, width, N), an Int16Array. */
  latents(payload, height, width, steps) {
    return this._entropy.decode(payload, height, width, steps);
  }

  /** Turns latents into three planes of network channels, 16 times as high and wide, one after another. */
  channels(latents, height, width, steps) {
    return this._synthesis.channels(latents, height, width, steps);
  }

  /** Does the same in float64, for bounded streams. */
  channelsClosely(latents, height, width, steps) {
    this._closely ??= new Synthesis(this._weights, Float64Array);
    return this._closely.channels(latents, height, width, steps);
  }

  /**
   * Approximates three planes of network channels, `detail` (1, 2 or 4) times as high and wide as the latents, one
   * after another. It uses the linear shortcut and only the first groups of latents, which hold the information that is
   * left at this detail.
   */
  sketch(payload, height, width, steps, detail) {
    let [groups, channels] = [1, this._groups[0]];
    while (groups < this._groups.length && channels < SKETCH_CHANNELS * detail ** 2) channels += this._groups[groups++];
    const latents = this._entropy.decode(payload, height, width, steps, groups);
    return this._synthesis.sketch(latents, height, width, steps, detail);
  }
}
