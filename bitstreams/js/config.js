// The configuration of a model, and those of its tensors that a decoder needs (SPEC.md, "Weights" and "Synthesis").

const DEFAULTS = { width: 128, encoder_blocks: 3, decoder_blocks: 3, tail: 32, groups: [16, 16, 32, 64, 192],
                   features: 160, hyper: 64, narrow: 96, tail_blocks: 1, detail: 0, detail_blocks: 0 };
const LIMITS = { width: [1, 512], encoder_blocks: [0, 32], decoder_blocks: [0, 32], tail: [1, 512], groups: [1, 512],
                 features: [1, 512], hyper: [2, 512], narrow: [1, 512], tail_blocks: [1, 32], detail: [0, 512],
                 detail_blocks: [0, 32] };
const MOST_GROUPS = 16;
const LONGEST = 4096; // characters
export const LEVELS = 8;
export const SCALES = 64;

/** Parses the JSON text in a weights file. Throws Error for a configuration that no model can have. */
export function readConfig(text) {
  if (typeof text !== "string" || text.length > LONGEST) throw new Error("it has no configuration, or too long a one");
  const values = JSON.parse(text);
  if (values === null || typeof values !== "object" || Array.isArray(values)) {
    throw new Error("its configuration is not a JSON object");
  }
  for (const [key, value] of Object.entries(values)) {
    if (!Object.hasOwn(LIMITS, key)) throw new Error(`its configuration has an unknown ${key.slice(0, 40)}`);
    if (Array.isArray(value) !== (key === "groups")) throw new Error(`${key} of its configuration has the wrong form`);
    const [least, most] = LIMITS[key];
    const sizes = key === "groups" ? value : [value];
    const legal = sizes.every((size) => Number.isInteger(size) && size >= least && size <= most);
    if (!legal || sizes.length < 1 || sizes.length > MOST_GROUPS) {
      throw new Error(`${key} of its configuration is not within ${least}..${most}`);
    }
  }
  const config = { ...DEFAULTS, ...values };
  config.latents = config.groups.reduce((sum, size) => sum + size, 0);
  config.halo = Math.ceil((8 * config.decoder_blocks + 4 * config.tail_blocks + 2 * config.detail_blocks) / 16);
  return config;
}

/** Returns name -> [shape, types] of every tensor that a decoder reads. null in a shape allows any size. */
export function wantedTensors(config) {
  const wanted = new Map();
  const floats = ["F16", "F32"];
  const real = (name, ...shape) => wanted.set(name, [shape, floats]);
  const integers = (name, ...shape) => {
    wanted.set(`exact.${name}.weight`, [shape, ["I16"]]);
    wanted.set(`exact.${name}.bias`, [[shape[0]], ["I32"]]);
    wanted.set(`exact.${name}.shift`, [[shape[0]], ["I8"]]);
  };

  const { hyper, narrow, features, groups, latents } = config;
  integers("hyper.first", 4 * narrow, hyper);
  integers("hyper.spatial", narrow, 1, 3, 3);
  integers("hyper.second", 4 * features, narrow);
  integers("hyper.blend", features, 1, 3, 3);
  integers("hyper.last", features, features);
  let known = 0;
  groups.forEach((count, g) => {
    integers(`groups.${g}.mix`, features, features + known);
    integers(`groups.${g}.spatial`, features, 1, 3, 3);
    integers(`groups.${g}.anchor_hidden`, features, features);
    integers(`groups.${g}.other_hidden`, features, features + 4 * count);
    for (const head of ["anchor_mu", "anchor_index", "other_mu", "other_index"]) {
      integers(`groups.${g}.${head}`, count, features);
    }
    known += count;
  });
  wanted.set("exact.levels", [[LEVELS, 4 * narrow], ["I32"]]);
  wanted.set("exact.z_mu", [[LEVELS, hyper], ["I32"]]);
  wanted.set("exact.z_index", [[LEVELS, hyper], ["I32"]]);
  wanted.set("exact.frequencies", [[null], ["I32"]]);
  wanted.set("exact.reaches", [[SCALES], ["I16"]]);

  const pointwise = (name, outputs, inputs) => {
    real(`synthesis.${name}.weight`, outputs, inputs, 1, 1);
    real(`synthesis.${name}.bias`, outputs);
  };
  const block = (name, channels) => {
    pointwise(`${name}.enter`, channels, channels);
    real(`synthesis.${name}.spatial.weight`, channels, 1, 3, 3);
    real(`synthesis.${name}.spatial.bias`, channels);
    pointwise(`${name}.leave`, channels, channels);
    pointwise(`${name}.expand`, 4 * channels, channels);
    pointwise(`${name}.contract`, channels, 2 * channels);
  };
  const { width, tail, detail } = config;
  pointwise("stem", 4 * width, latents);
  pointwise("narrow", 4 * tail, width);
  pointwise("head", 48, tail);
  real("synthesis.linear.weight", latents, 3, 16, 16);
  if (detail) {
    pointwise("detail.narrow", 4 * detail, tail);
    pointwise("detail.head", 12, detail);
  }
  for (const [name, channels] of blocksOf(config)) block(name, channels);
  real("spread", latents);
  real("log_step", LEVELS, latents);
  real("log_trunk_out", LEVELS, width);
  return wanted;
}

/** Returns the blocks of the synthesis in their order: name and channels. */
export function blocksOf(config) {
  const numbered = (name, count, channels) => Array.from({ length: count }, (_, i) => [`${name}.${i}`, channels]);
  return [
    ...numbered("blocks", config.decoder_blocks, config.width),
    ["tail", config.tail],
    ...numbered("tail_blocks", config.tail_blocks - 1, config.tail),
    ...(config.detail ? numbered("detail.blocks", config.detail_blocks, config.detail) : []),
  ];
}
