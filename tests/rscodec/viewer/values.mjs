// node values.mjs SITE: the line of values is about the pixel under the cursor, also where it takes several rows.

import assert from "node:assert/strict";

import { fakeElement, textOf } from "./fakes.mjs";

const [site] = process.argv.slice(2);
const { showValues } = await import(`${site}/page/values.js`);
const { View } = await import(`${site}/page/view.js`);

const canvas = fakeElement({ clientWidth: 400 });
const line = fakeElement();
Object.defineProperty(line, "offsetHeight", {
  get: () => Math.max(30, 20 * line.children.length, Number.parseFloat(line.style.minHeight) || 0),
});
Object.defineProperty(canvas, "clientHeight", { get: () => 500 - line.offsetHeight }); // they share the window

const layer = { width: 400, height: 500, metadata: {}, descriptions: ["a", "b"], planeOf: () => null };
const bands = [Uint8Array.of(7), Uint8Array.of(9)];
const side = { layer, at: () => ({ block: { factor: 1, pixels: { bands } }, place: 0 }) };
const view = new View(canvas, 0.01, () => {}, null);
view.fit(400, 500);
view.scale = 1;
const update = showValues(line, canvas, { view, sides: [side], split: 1 });

canvas.onpointermove({ offsetX: 10, offsetY: 20 });
const { clientHeight } = canvas;
const row = Math.floor(250 - clientHeight / 2 + 20);
update(); // the line has several rows now
assert.equal(textOf(line.children[0]), `column, row 10, ${row}`);
assert.deepEqual(line.children.slice(1).map(textOf), ["a 7", "b 9"]);
canvas.onpointermove({ offsetX: 10, offsetY: 20000 });
assert.equal(line.children.length, 0);
assert.equal(canvas.clientHeight, clientHeight); // the scene does not jump
