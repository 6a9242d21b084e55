// The tile index. For each tile: [planes], the groups, [residual]. Each entry has a length and two checksums.

import { PIXELS } from "./dtypes.js";
import { IndexDamaged, LimitExceeded } from "./errors.js";
import { MAX_BANDS, MAX_GROUP_BYTES_PER_PIXEL, MAX_RESIDUAL_BYTES_PER_SAMPLE } from "./limits.js";

export const ENTRY_BYTES = 12;

/** Refuses entries that no writer writes. `numbers` has three for each entry. */
export function checkIndex(numbers, header) {
  const planes = Number(header.planes);
  const limits = payloadLimits(header);
  for (let tile = 0; tile < header.rows * header.cols; tile++) {
    const at = (entry, part) => numbers[3 * (tile * header.entries + entry) + part];
    let present = 0;
    for (let group = 0; group < header.groups; group++) present += at(planes + group, 0) > 0;
    const refuse = (what) => {
      throw new IndexDamaged(`the index gives ${tileName(header, tile)} ${what}; the stream is not one that rscodec ` +
                             "writes");
    };
    const last = header.entries - 1;
    if (header.bounded && at(last, 0) > 0 && present === 0) refuse("a residual but no groups");
    if (header.groups && present !== 0 && present !== header.groups) refuse("some groups but not all");
    if (header.groups && present === 0 && !(header.planes && at(0, 0) > 0)) {
      refuse("neither groups nor planes that say why");
    }
    for (let entry = 0; entry < header.entries; entry++) {
      const isResidual = header.bounded && entry === last;
      const checked = header.checksEmpty && (entry < planes || (isResidual && present > 0));
      if (at(entry, 0) === 0 && (at(entry, 1) > 0 || (at(entry, 2) > 0 && !checked))) refuse("a checksum of nothing");
    }
    for (let entry = 0; entry < header.entries; entry++) {
      if (at(entry, 0) > limits[entry]) {
        throw new LimitExceeded(`${tileName(header, tile)} has a payload of ${at(entry, 0)} bytes, above the limit ` +
                                `of ${limits[entry]}`);
      }
    }
  }
}

/** Returns where each payload begins and, at the end, where the last one ends. */
export function offsetsOf(numbers, start) {
  const count = numbers.length / 3;
  const offsets = new Float64Array(count + 1);
  offsets[0] = start;
  for (let i = 0; i < count; i++) offsets[i + 1] = offsets[i] + numbers[3 * i];
  return offsets;
}

function payloadLimits(header) {
  const pixels = header.tile ** 2;
  const raw = pixels * header.bands * (PIXELS[header.dtype].bytes + 1) + 9 * MAX_BANDS;
  return [
    ...Array(Number(header.planes)).fill(raw + Math.floor(raw / 1000) + 64),
    ...Array(header.groups).fill(pixels * MAX_GROUP_BYTES_PER_PIXEL),
    ...Array(Number(header.bounded)).fill(pixels * header.bands * MAX_RESIDUAL_BYTES_PER_SAMPLE),
  ];
}

function tileName(header, tile) {
  return `tile (${Math.floor(tile / header.cols)}, ${tile % header.cols})`;
}
