// Opens the layers of a picture. If another picture is opened meanwhile, only that one counts.

import { RasterLayer, StreamLayer } from "./layers.js";

let latest = 0;

/** Opens a stream, or a raster that the server reads. An error begins with the name of the layer. */
export async function openLayer(entry) {
  try {
    if (entry.error) throw Object.assign(new Error(entry.error), { name: "" });
    return entry.path || entry.blob ? await StreamLayer.open(entry) : new RasterLayer(entry);
  } catch (problem) {
    problem.message = `${entry.name}: ${problem.message}`;
    throw problem;
  }
}

/**
 * Returns the layers of `entries`, or null if this function was called again meanwhile. Ends layers that it does not
 * return.
 */
export async function openLayers(entries, open = openLayer) {
  const serial = ++latest;
  const opening = entries.map(open);
  try {
    const layers = await Promise.all(opening);
    if (serial === latest) return layers;
  } catch (problem) {
    if (serial === latest) {
      endAll(opening);
      throw problem;
    }
  }
  endAll(opening);
  return null;
}

function endAll(opening) {
  for (const layer of opening) layer.then((opened) => opened.end(), () => {});
}
