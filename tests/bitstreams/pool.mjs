// node pool.mjs LATENTS_CRC STREAM WEIGHTS: workers answer as the decoder does, errors keep their names, and a watchdog watches.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";

import { Codec, Pool, memorySource, open } from "../../bitstreams/js/rscodec.js";

const DECODER = new URL("../../bitstreams/js/worker.js", import.meta.url).href;
const STUCK = "data:text/javascript,self.onmessage = () => { for (;;); }";
const BROKEN = "data:text/javascript,self.onmessage = () => { throw new Error('no memory'); }";

/** A worker of Node with the members of a Web Worker that Pool uses. */
function spawn(module) {
  const worker = new Worker(new URL("node_worker.mjs", import.meta.url), { workerData: module });
  const web = { postMessage: (message) => worker.postMessage(message), terminate: () => worker.terminate() };
  worker.on("message", (data) => web.onmessage({ data }));
  worker.on("error", (problem) => web.onerror({ message: problem.message }));
  return web;
}

const [latents, ...paths] = process.argv.slice(2);
const [stream, weights] = paths.map((path) => new Uint8Array(readFileSync(path)));
const scene = await open(memorySource(stream), { weights: new Codec(weights.buffer) });
const { header } = scene;
const whole = { col: 0, row: 0, width: header.width, height: header.height };
const small = { col: 0, row: 0, ...scene.smallSize(16) };
const source = { blob: new Blob([stream]) };
const setup = [["weights", weights.buffer], ["open", "a", source, {}]];
let spawned = 0;
const pool = new Pool({ size: 2, setup, spawn: () => { spawned++; return spawn(DECODER); } });

const answers = await Promise.all([pool.run("read", "a", whole), pool.run("preview", "a", small, 16),
                                   pool.run("latents", "a"), pool.run("about", "a")]);
const plain = ({ width, height, bands, classes }) => ({ width, height, bands, classes });
assert.deepEqual(plain(answers[0]), await scene.read(whole));
assert.deepEqual(plain(answers[1]), await scene.preview(small, 16));
assert.equal(answers[2], Number(latents));
assert.deepEqual(answers[3], { header, metadata: scene.metadata, bound: null, coded: [0, 1, 2] });
assert.deepEqual([spawned, pool.free], [2, 2]);

await assert.rejects(pool.run("read", "a", { ...whole, col: 1 }), { name: "InputError" });
await assert.rejects(pool.run("read", "c", whole), { name: "InputError" });
await assert.rejects(pool.run("open", "b", { blob: new Blob([stream.subarray(0, 40)]) }, {}), { name: "Truncated" });
await assert.rejects(pool.run("open", "b", { blob: new Blob(["GIF89a"]) }, {}), { name: "NotAStream" });
assert.equal((await pool.run("read", "a", whole)).damage.length, 0);
pool.end();

const tight = new Pool({ size: 1, setup: [...setup.slice(0, 1), ["open", "a", source, { maxPixels: 10 }]],
                         spawn: () => spawn(DECODER) });
await assert.rejects(tight.run("read", "a", whole), { name: "LimitExceeded" });
tight.end();

const modules = [STUCK, DECODER];
const watched = new Pool({ size: 1, setup, seconds: 5, spawn: () => spawn(modules.shift()) });
const [lost, next] = await Promise.allSettled([watched.run("read", "a", whole), watched.run("read", "a", whole)]);
assert.equal(lost.reason.name, "WorkerLost");
assert.match(lost.reason.message, /no answer in 5 s/);
assert.deepEqual(plain(next.value), await scene.read(whole)); // by the worker that took its place
watched.end();

const broken = new Pool({ size: 1, setup, spawn: () => spawn(BROKEN) });
await assert.rejects(broken.run("read", "a", whole), { name: "WorkerLost", message: /no memory/ });
broken.end();

const MISSING = "data:text/javascript,import 'data:text/javascript,throw new Error(404)'";
const later = new Promise((resolve) => { setTimeout(() => resolve(weights.buffer), 1500); });
const unloaded = new Pool({ size: 1, setup: [["weights", later]], seconds: 30, spawn: () => spawn(MISSING) });
await assert.rejects(unloaded.run("read", "a", whole), { name: "WorkerLost", message: /ended by itself \(.*404/ });
unloaded.end();

for (const waits of [false, true]) { // the pool ends while a worker decodes, or while one waits for its weights
  let arrive;
  let count = 0;
  const late = new Promise((resolve) => { arrive = resolve; });
  const ended = new Pool({ size: 1, setup: [["weights", waits ? late : weights.buffer]], seconds: 5,
                           spawn: () => { count++; return spawn(STUCK); } });
  const calls = [ended.run("about", "a"), ended.run("about", "a")]; // the second one waits for the worker
  await new Promise((resolve) => setTimeout(resolve));
  ended.end();
  arrive(weights.buffer);
  for (const { reason } of await Promise.allSettled([...calls, ended.run("about", "a")])) {
    assert.equal(reason.name, "WorkerLost");
    assert.match(reason.message, /make another pool/);
  }
  assert.equal(count, 1);
}
assert(!process.getActiveResourcesInfo().includes("Timeout")); // no watchdog is left
