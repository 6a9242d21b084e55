// Node only: checks this decoder with the frozen vectors of the format.
//
//   node check_vectors.mjs [FOLDER]        prints a line for each vector; the exit status is 1 if one fails

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

import { crc32 } from "./crc32.js";
import { bytesOf } from "./dtypes.js";
import { readNpz } from "./npz.mjs";
import { Codec, TileDamaged, memorySource, open } from "./rscodec.js";

const folder = process.argv[2] ?? fileURLToPath(new URL("../vectors", import.meta.url));
const buffer = (path) => new Uint8Array(readFileSync(path)).buffer;
const codec = new Codec(buffer(join(folder, "vec-1.safetensors")));

class Mismatch extends Error {}

function check(condition, what) {
  if (!condition) throw new Mismatch(what);
}

/** Checks a stream that must decode: header, metadata, latents, classes and pixels. */
async function checkPassed(stream, wanted, path) {
  const scene = await open(memorySource(stream), { weights: codec });
  const { header } = scene;
  const said = { ...header, weights_hash: header.weightsHash, flags: [...header.flags].sort() };
  for (const [key, value] of Object.entries(wanted.header)) {
    check(isDeepStrictEqual(said[key], value), `the header's ${key} is ${said[key]}, not ${value}`);
  }
  check(isDeepStrictEqual(scene.metadata, wanted.metadata), "other metadata");

  let crc = 0;
  for (let row = 0; row < header.rows; row++) {
    for (let col = 0; col < header.cols; col++) {
      for (const latents of (await scene.latents(row, col)) ?? []) crc = crc32(bytesOf(latents), crc);
    }
  }
  check(crc === wanted.latents_crc32, `the latents' CRC is ${crc}, not ${wanted.latents_crc32}`);

  const frozen = readNpz(readFileSync(join(path, "pixels.npz")));
  const whole = await scene.read({ col: 0, row: 0, width: header.width, height: header.height });
  const { classes, bands } = whole;
  check((classes === null) === !frozen.classes, "class planes where there are none, or none where there are");
  const size = header.width * header.height;
  classes?.forEach((plane, i) => {
    const same = isDeepStrictEqual(plane, frozen.classes.data.subarray(i * size, (i + 1) * size));
    check(same, `other classes, plane ${i}`);
  });
  check(frozen.pixels.data.length === header.bands * size, "another number of pixels");

  const alpha = (wanted.metadata.colorinterp ?? []).indexOf("alpha");
  const coded = bands.map((_, band) => band).filter((band) => band !== alpha);
  let largest = 0;
  bands.forEach((band, b) => {
    const reference = frozen.pixels.data.subarray(b * size, (b + 1) * size);
    check(band.constructor === reference.constructor, `pixels of another type in band ${b}`);
    const plane = classes?.[classes.length === 1 ? 0 : coded.indexOf(b)];
    for (let i = 0; i < size; i++) {
      const valid = b !== alpha && !(plane && plane[i]);
      if (valid) largest = Math.max(largest, Math.abs(band[i] - reference[i]));
      else check(Object.is(band[i], reference[i]), `band ${b}, pixel ${i} is ${band[i]}, not ${reference[i]}`);
    }
  });
  check(largest <= wanted.pixels_max_abs_error, `pixels differ by ${largest}, allowed ${wanted.pixels_max_abs_error}`);
  await checkWindows(scene, whole);
  return `latents ${crc.toString(16).padStart(8, "0")}, pixels within ${largest} of ${wanted.pixels_max_abs_error}`;
}

/** Checks that windows are crops of the whole scene, without seams, and that tiles are in their places. */
async function checkWindows(scene, whole) {
  const { width, height, rows, cols } = scene.header;
  const inner = { col: Math.floor(width / 3), row: Math.floor(height / 4), width: Math.ceil(width / 2),
                  height: Math.ceil(height / 2) };
  for (const [name, part, window] of [
    ["a window", await scene.read(inner), inner],
    ["the last tile", await scene.tile(rows - 1, cols - 1),
     { col: (cols - 1) * scene.header.tile, row: (rows - 1) * scene.header.tile }],
  ]) {
    const planes = [...part.bands, ...(part.classes ?? [])];
    [...whole.bands, ...(whole.classes ?? [])].forEach((plane, p) => {
      for (let i = 0; i < part.width * part.height; i++) {
        const at = (window.row + Math.floor(i / part.width)) * width + window.col + (i % part.width);
        check(Object.is(planes[p][i], plane[at]), `${name} is not a crop of the whole: plane ${p}, pixel ${i}`);
      }
    });
  }
}

/** Checks a stream that must be refused: the error, when the stream is opened or decoded. */
async function checkFailed(stream, wanted) {
  let stage = "open";
  try {
    const scene = await open(memorySource(stream), { weights: wanted.weights ? codec : null });
    stage = "decode";
    await scene.read({ col: 0, row: 0, width: scene.header.width, height: scene.header.height });
  } catch (problem) {
    const found = `${problem.name} at ${stage}`;
    check(found === `${wanted.error} at ${wanted.stage}`, `${found} (${problem.message})`);
    check(!(problem instanceof TileDamaged) || problem.tile?.length === 3, "the damaged tile has no place");
    check(!problem.message.includes("\n"), "the message has several lines");
    return `${problem.name}: ${problem.message}`;
  }
  throw new Mismatch(`no error, where ${wanted.error} was expected`);
}

let mismatches = 0;
for (const [kind, run] of [["passed", checkPassed], ["failed", checkFailed]]) {
  for (const name of readdirSync(join(folder, "v1", kind)).sort()) {
    const path = join(folder, "v1", kind, name);
    const wanted = JSON.parse(readFileSync(join(path, "expected.json"), "utf8"));
    let line;
    try {
      line = `ok        ${kind}/${name}  ${await run(readFileSync(join(path, "stream.bin")), wanted, path)}`;
    } catch (problem) {
      mismatches++;
      line = `MISMATCH  ${kind}/${name}  ${problem instanceof Mismatch ? problem.message : problem.stack}`;
    }
    console.log(line);
  }
}
console.log(mismatches ? `${mismatches} vectors are not as expected` : "all vectors are as expected");
process.exitCode = mismatches ? 1 : 0;
