// node drops.mjs SITE STREAM: files that are dropped onto the whole page, with workers that answer when the test says.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { fakeElement, frame, settled } from "./fakes.mjs";

const [site, stream] = process.argv.slice(2);
const { open, memorySource } = await import(`${site}/decoder/rscodec.js`);
const { header } = await open(memorySource(new Uint8Array(readFileSync(stream))), { weights: null });

const workers = [];
globalThis.Worker = class {
  constructor() {
    workers.push(this);
  }

  postMessage({ call }) {
    if (call === "about") this.asked = true;
    else if (call === "weights" || call === "open") setTimeout(() => this.onmessage({ data: { result: null } }));
  }

  answer(data = { result: { header, metadata: {}, bound: null, coded: [0, 1, 2] } }) {
    this.onmessage({ data });
  }

  terminate() {
    this.ended = true;
  }
};

const elements = {};
const nav = fakeElement();
Object.assign(document, {
  body: fakeElement(), baseURI: "http://a/", querySelector: () => nav,
  addEventListener: (kind, listener) => { document[`on${kind}`] = listener; },
  getElementById: (id) => elements[id] ??= fakeElement({ clientWidth: 300, clientHeight: 200 }),
});
globalThis.matchMedia = () => ({ matches: true });
globalThis.navigator ??= { hardwareConcurrency: 2 };
globalThis.location = { search: "" };
const missing = { ok: false, status: 404, headers: new Headers() };
const answers = { "viewer.json": missing };
globalThis.fetch = async (path) => answers[path] ?? { ok: true, headers: new Headers(), arrayBuffer: async () => null };

/** Drops a file, and returns the worker that is asked about it. */
async function drop(name) {
  const file = Object.assign(new Blob([readFileSync(stream)]), { name });
  const before = workers.length;
  document.ondrop({ preventDefault() {}, dataTransfer: { files: [file] } });
  await settled(() => workers.length > before && workers.at(-1).asked);
  return workers[before];
}

await import(`${site}/page/main.js`);
await settled(() => document.body.dataset.state === "failed");
assert.match(elements.message.textContent, /viewer.json is not here/);
const about = { streams: [{ name: "a", error: "Truncated" }], against: null };
answers["viewer.json"] = { ok: true, json: async () => about };
elements.message.onclick();
await settled(() => elements.message.textContent === "a: Truncated");

const slow = await drop("slow.bin");
const fast = await drop("fast.bin");
fast.answer();
await settled(() => document.title === "fast.bin");
frame();
slow.answer();
await settled(() => slow.ended);
assert.equal(document.title, "fast.bin");
assert.equal(elements.message.hidden, true);

const broken = await drop("broken.bin");
broken.answer({ error: { name: "HeaderDamaged", message: "its checksum is wrong" } });
await settled(() => document.body.dataset.state === "failed");
assert.equal(elements.message.textContent, "HeaderDamaged: broken.bin: its checksum is wrong");
assert.deepEqual([document.title, elements.name.textContent, fast.ended], ["fast.bin", "fast.bin", undefined]);

elements.message.onclick(); // opens it again
await settled(() => workers.at(-1) !== broken && workers.at(-1).asked);
assert.deepEqual([document.body.dataset.state, elements.message.hidden], ["loading", true]);
workers.at(-1).answer();
await settled(() => document.title === "broken.bin");
process.exit(0); // the watchdogs of workers that were not answered
