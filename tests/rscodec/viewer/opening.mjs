// node opening.mjs SITE: only the latest picture counts, and layers that are not shown are ended.

import assert from "node:assert/strict";

const [site] = process.argv.slice(2);
const { openLayer, openLayers } = await import(`${site}/page/opening.js`);

/** A layer that `finish` opens, or `fail` does not. */
function later(name) {
  const layer = { name, ended: false, end: () => { layer.ended = true; } };
  layer.opened = new Promise((resolve, reject) => Object.assign(layer, { finish: () => resolve(layer), fail: reject }));
  return layer;
}
const open = ({ opened }) => opened;

const [slow, fast] = [later("slow"), later("fast")];
const [first, second] = [[slow], [fast]].map((entries) => openLayers(entries, open));
fast.finish();
assert.deepEqual(await second, [fast]);
slow.finish();
assert.equal(await first, null);
assert.deepEqual([slow.ended, fast.ended], [true, false]);

const [broken, next] = [later("broken"), later("next")];
const failing = openLayers([broken], open);
const shown = openLayers([next], open);
next.finish();
broken.fail(new Error("late"));
assert.equal(await failing, null); // nobody hears of it
assert.deepEqual(await shown, [next]);

const [good, bad] = [later("good"), later("bad")];
const both = openLayers([good, bad], open);
bad.fail(new Error("no such weights"));
await assert.rejects(both, /no such weights/); // at once
good.finish();
await good.opened;
assert.equal(good.ended, true);

await assert.rejects(openLayer({ name: "a.bin", error: "Truncated: end" }), { message: "a.bin: Truncated: end" });
