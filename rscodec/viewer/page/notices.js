// What the page says about a picture of one layer, or of two: generated pixels, damage, and errors.

import { generated } from "./panel.js";

/** Returns which layers have generated pixels, and which models made them up; "" if all pixels are measured. */
export function generatedBy(layers) {
  const made = layers.filter(generated);
  return made.map((layer) => named(layers, layer, `made up by ${generated(layer).model}, not measured`)).join("; ");
}

/** Returns a message about a layer. It begins with the layer's name if there are two. */
export function named(layers, layer, message) {
  return layers.length > 1 ? `${layer.name}: ${message}` : message;
}
