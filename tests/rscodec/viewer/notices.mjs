// node notices.mjs SITE: the badge and the messages are about both layers.

import assert from "node:assert/strict";

const [site] = process.argv.slice(2);
const { generatedBy, named } = await import(`${site}/page/notices.js`);

const measured = { name: "a.bin", metadata: { tags: { "": { synthetic: "no" } } } };
const made = { name: "b.bin", metadata: { tags: { "": { synthetic: "yes", synthetic_model: "ldm" } } } };
assert.equal(generatedBy([measured]), "");
assert.equal(generatedBy([made]), "made up by ldm, not measured");
assert.equal(generatedBy([measured, made]), "b.bin: made up by ldm, not measured");
assert.equal(generatedBy([made, made]).split("; ").length, 2);
assert.equal(named([measured], measured, "tile (1, 1)"), "tile (1, 1)");
assert.equal(named([measured, made], made, "tile (1, 1)"), "b.bin: tile (1, 1)");
