// A model that is loaded: payloads -> latents -> network channels. Load it once and open any number of scenes with it.

import { EntropyDecoder } from "./entropy.js";
import { WrongWeights } from "./errors.js";
import { Synthesis } from "./synthesis.js";
import { readWeights } from "./weights.js";

export class Codec {
  /** `buffer`: an ArrayBuffer of a weights file (safetensors). */
  constructor(buffer) {
    const weights = readWeights(buffer);
    this.model = weights.model;
    this.hashes = weights.hashes;
    this.halo = weights.config.halo;
    this.channelCount = weights.config.latents;
    try {
      this._entropy = new EntropyDecoder(weights);
    } catch (problem) {
      throw new WrongWeights(`these are no usable rscodec weights (${problem.message}); give an exported .safetensors`);
    }
    this._synthesis = new Synthesis(weights);
  }

  /** One payload -> latents (height, width, N) as an Int16Array. */
  latents(payload, height, width, steps) {
    return this._entropy.decode(payload, height, width, steps);
  }

  /** Latents -> three planes of network channels, 16 times as high and wide, one after another. */
  channels(latents, height, width, steps) {
    return this._synthesis.channels(latents, height, width, steps);
  }
}
