// node picture.mjs SITE: the picture is drawn for the screen that it is on.

import assert from "node:assert/strict";

import { fakeElement, frame } from "./fakes.mjs";

const [site] = process.argv.slice(2);
const { Picture } = await import(`${site}/page/picture.js`);
const { RasterLayer } = await import(`${site}/page/layers.js`);

const layer = new RasterLayer({ width: 512, height: 512, bands: 1, dtype: "uint8", coded: [0], planes: 0, metadata: {} });
layer.load = () => new Promise(() => {});
const canvas = fakeElement({ clientWidth: 301, clientHeight: 200 });
const style = { bands: [0], stretch: "type", manual: [[0, 255]] };
const picture = new Picture(canvas, [layer], style, { changed() {}, came() {} });

frame();
assert.deepEqual([canvas.width, canvas.height], [301, 200]);
globalThis.devicePixelRatio = 1.5; // the window is on another screen; it keeps its size
picture.redraw();
frame();
assert.deepEqual([canvas.width, canvas.height], [452, 300]);
