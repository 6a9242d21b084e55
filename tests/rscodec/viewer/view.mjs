// node view.mjs SITE: keys move and zoom, except with Ctrl, Alt and the like.

import assert from "node:assert/strict";

import { fakeElement } from "./fakes.mjs";

const [site] = process.argv.slice(2);
const { View } = await import(`${site}/page/view.js`);

const canvas = fakeElement({ clientWidth: 400, clientHeight: 300 });
let changes = 0;
const view = new View(canvas, 0.01, () => changes++, null);
view.fit(4000, 3000);

for (const key of ["ArrowLeft", "+", "-", "=", "0"]) {
  for (const modifier of ["ctrlKey", "metaKey", "altKey", "shiftKey"]) {
    const before = changes;
    let taken = false;
    canvas.listeners.keydown({ key, [modifier]: true, preventDefault: () => { taken = true; } });
    assert.deepEqual([taken, changes > before], Array(2).fill(modifier === "shiftKey"), `${modifier} ${key}`);
  }
}
