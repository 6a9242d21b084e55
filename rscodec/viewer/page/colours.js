// Which bands of a scene are red, green and blue: the same as in rscodec/raster/colours.py and quicklook.py.

const COLOURS = ["red", "green", "blue"];
const DESCRIBED = { red: "red", green: "green", blue: "blue", b04: "red", b03: "green", b02: "blue" }; // Sentinel-2

/** Returns the bands (counted from 0) that are shown at first: red, green and blue, or one band. */
export function shownBands(layer) {
  const first = measured(layer).slice(0, 3);
  return namedBands(layer) ?? (first.length === 3 ? first : first.slice(0, 1));
}

/** Returns three bands for red, green and blue. A scene with fewer has some of them twice. */
export function threeBands(layer) {
  const bands = measured(layer);
  return namedBands(layer) ?? COLOURS.map((_, place) => bands[Math.min(place, bands.length - 1)]);
}

/** Returns the bands that the descriptions, else the colours, name red, green and blue; null if they name others. */
function namedBands({ colours, descriptions }) {
  const described = descriptions.map((text) => DESCRIBED[text.trim().toLowerCase()]);
  const names = [described, colours].find((some) => COLOURS.every((colour) => count(some, colour) === 1));
  return names ? COLOURS.map((colour) => names.indexOf(colour)) : null;
}

/** Returns all bands except alpha. */
function measured({ bands, colours }) {
  const found = Array.from({ length: bands }, (_, band) => band).filter((band) => colours[band] !== "alpha");
  return found.length ? found : [0];
}

function count(names, wanted) {
  return names.filter((name) => name === wanted).length;
}
