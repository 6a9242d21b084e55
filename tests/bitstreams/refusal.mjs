// node refusal.mjs: what a server says in plain text is passed on, up to a limit; everything else is not.

import assert from "node:assert/strict";

import { refusal } from "../../bitstreams/js/refusal.js";

const answer = (body, kind) => new Response(body, { status: 502, headers: kind ? { "Content-Type": kind } : {} });
const status = "the server answers with status 502";
const plain = "text/plain; charset=utf-8";
assert.equal(await refusal(answer("the disk is away\n", plain)), `${status}: the disk is away`);
assert.equal(await refusal(answer("é".repeat(200), plain)), `${status}: ${"é".repeat(200)}`);
assert.equal(await refusal(answer("é".repeat(5000), plain)), `${status}: ${"é".repeat(200)} ...`);
assert.equal(await refusal(answer("<h1>Bad gateway</h1>", "text/html")), status);
for (const body of ["", null]) assert.equal(await refusal(answer(body, plain)), status);
assert.equal(await refusal(answer(null, null)), status);

let cancelled = false;
const endless = new ReadableStream({
  pull: (controller) => controller.enqueue(new TextEncoder().encode("no ".repeat(99))),
  cancel: () => { cancelled = true; },
});
assert.match(await refusal(answer(endless, plain)), /status 502: no no .* \.\.\.$/);
assert.ok(cancelled);
