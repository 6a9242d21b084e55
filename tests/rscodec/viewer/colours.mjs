// node colours.mjs SITE LAYERS: prints, for each layer, the bands that are shown at first, and three bands.

import "./fakes.mjs";

const [site, layers] = process.argv.slice(2);
const { threeBands } = await import(`${site}/page/colours.js`);
const { RasterLayer } = await import(`${site}/page/layers.js`);
const { firstStyle } = await import(`${site}/page/panel.js`);

console.log(JSON.stringify(JSON.parse(layers).map((about) => {
  const layer = new RasterLayer(about);
  return [firstStyle(layer).bands, threeBands(layer)];
})));
