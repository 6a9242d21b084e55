// Turns network channels into bands (SPEC.md, "Radiometry section").

import { BadField, RadiometryDamaged } from "./errors.js";
import { MAX_BANDS, MAX_GROUPS } from "./limits.js";

const MATRIX_ONE = 2 ** 14;
const TOLERANCE = 0.01; // largest distance of a matrix from orthonormal
const GREY = [[1, 1, 1].map((v) => v / Math.sqrt(3)), [1, 0, -1].map((v) => v / Math.sqrt(2)),
              [1, -2, 1].map((v) => v / Math.sqrt(6))];
const PLAIN = { 1: [[1 / 3, 1 / 3, 1 / 3]], 2: [[1, 0, 0], [0, 1 / 2, 1 / 2]], 3: [[1, 0, 0], [0, 1, 0], [0, 0, 1]] };

/**
 * Reads the section (null if there is none). Returns { coded, exact, planeCount, scale, groups, ... }, for `toBands`.
 */
export function readRadiometry(data, header) {
  const { dtype, bands } = header;
  if (data === null && (dtype !== "uint8" || bands > 3)) {
    throw new RadiometryDamaged(`the radiometry section is missing, ${bands} ${dtype} bands need it`);
  }
  const fields = readFields(data ?? new Uint8Array(3), dtype, bands);
  const { count, exact, alone } = fields;
  const groups = count === 0 ? 0 : alone + Math.ceil((count - alone) / 3);
  if (groups !== header.groups) {
    throw new BadField(`the header has ${header.groups} network groups where its bands need ${groups}; the stream is ` +
                       "not one that rscodec writes");
  }
  const coded = [...Array(bands).keys()].filter((band) => !exact.includes(band));
  return {
    coded,
    exact,
    groups,
    planeCount: [0, Math.min(1, count), count][fields.planes],
    scale: fields.scale,
    scales: coded.map((_, band) => fields.scale / (fields.weights?.[band] ?? 1)),
    offsets: fields.offset,
    centre: fields.matrix ? 0.5 : 0,
    rows: fields.matrix ? throughComponents(fields.matrix, count, alone) : PLAIN[count],
  };
}

/** Turns planes of 3 G network channels into planes of the coded bands, in float64 and not rounded. */
export function toBands(radiometry, channels) {
  const { rows, scales, offsets, centre } = radiometry;
  return radiometry.coded.map((_, band) => {
    const out = new Float64Array(channels[0].length);
    rows[band].forEach((factor, channel) => {
      if (factor === 0) return;
      const values = channels[channel];
      for (let i = 0; i < out.length; i++) out[i] += factor * (values[i] - centre);
    });
    for (let i = 0; i < out.length; i++) out[i] = out[i] * scales[band] + offsets[band];
    return out;
  });
}

function readFields(data, dtype, bands) {
  if (data.length < 3) {
    throw new RadiometryDamaged(`the radiometry section has ${data.length} bytes, at least 3 are needed`);
  }
  const flags = data[0];
  const [scaled, shifted, withMatrix, short, withAlone, weighted] = [4, 8, 16, 32, 64, 128].map((bit) => flags & bit);
  const bits = data[1] | (data[2] << 8);
  const exact = [...Array(MAX_BANDS).keys()].filter((band) => (bits >> band) & 1);
  const count = bands - exact.length;
  if (exact.some((band) => band >= bands) || (flags & 3) === 3) {
    throw new RadiometryDamaged(`the radiometry section has flags 0x${flags.toString(16)}, lossless bands ${exact}`);
  }
  if (withMatrix ? count < 2 : count > 3) {
    throw new RadiometryDamaged(`${count} coded bands do not fit the flags: a transform needs 2, more than 3 need a transform`);
  }
  if (short && (dtype !== "uint8" || count < 2 || scaled || shifted || withMatrix)) {
    throw new RadiometryDamaged(`a short spectral transform is for 2 or 3 bands of uint8, not ${count} of ${dtype}`);
  }
  if (weighted && count < 2) {
    throw new RadiometryDamaged(`weights are for 2 and more coded bands, not for ${count}`);
  }

  const real = dtype === "float64" ? 8 : 4;
  const pairs = (count * (count - 1)) / 2;
  const size = 3 + (scaled && real) + (shifted && real * count) + (withMatrix && 2 * count * count) +
    (short && count + pairs) + (withAlone && 1) + (weighted && real * count);
  if (data.length !== size) {
    throw new RadiometryDamaged(`the radiometry section has ${data.length} bytes, not ${size}`);
  }
  const view = new DataView(data.buffer, data.byteOffset);
  let at = 3;
  const take = (bytes, read) => read.call(view, (at += bytes) - bytes, true);
  const reals = (n) => Array.from({ length: n }, () => take(real, real === 8 ? view.getFloat64 : view.getFloat32));
  const bytes = (n) => Array.from({ length: n }, () => take(1, view.getUint8));

  const scale = scaled ? reals(1)[0] : 255;
  let offset = shifted ? reals(count) : Array(count).fill(0);
  let matrix = withMatrix ? Array.from({ length: count * count }, () => take(2, view.getInt16) / MATRIX_ONE) : null;
  if (short) {
    offset = bytes(count);
    matrix = rotation(bytes(pairs), count);
  }
  const alone = withAlone ? bytes(1)[0] : 0;
  const weights = weighted ? reals(count) : null;

  if (!(Number.isFinite(scale) && scale > 0 && offset.every(Number.isFinite))) {
    throw new RadiometryDamaged("the radiometry section has an impossible scale or offset");
  }
  if (weights && !weights.every((weight) => Number.isFinite(weight) && weight >= 1)) {
    throw new RadiometryDamaged("the radiometry section has impossible weights of bands");
  }
  if (withMatrix && !isOrthonormal(matrix, count)) {
    throw new RadiometryDamaged("the spectral transform in the radiometry section is not orthonormal");
  }
  const legalAlone = matrix && alone >= 1 && alone <= count && alone + Math.ceil((count - alone) / 3) <= MAX_GROUPS;
  if (withAlone && !legalAlone) {
    throw new RadiometryDamaged(`the radiometry section gives ${alone} of ${count} components a group of their own`);
  }
  return { count, exact, alone, planes: flags & 3, scale, offset, matrix, weights };
}

/** Returns, for each band, the factors of the network channels (each channel less 0.5). */
function throughComponents(matrix, count, alone) {
  const back = inverse(matrix, count);
  const groups = alone + Math.ceil((count - alone) / 3);
  const places = Array.from({ length: count }, (_, component) => {
    return component < alone ? 3 * component : 3 * alone + component - alone;
  });
  return Array.from({ length: count }, (_, band) => Array.from({ length: 3 * groups }, (_, channel) => {
    return places.reduce((sum, place, component) => {
      const together = Math.floor(place / 3) === Math.floor(channel / 3);
      return sum + (together ? back[band * count + component] * GREY[place % 3][channel % 3] : 0);
    }, 0);
  }));
}

/** Returns the matrix of the angles of the short form. */
function rotation(angles, count) {
  const matrix = Array.from({ length: count * count }, (_, i) => Number(i % (count + 1) === 0));
  const pairs = [];
  for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) pairs.push([i, j]);
  for (let p = pairs.length - 1; p >= 0; p--) {
    const [i, j] = pairs[p];
    const [cos, sin] = [Math.cos((2 * Math.PI * angles[p]) / 256), Math.sin((2 * Math.PI * angles[p]) / 256)];
    for (let k = 0; k < count; k++) {
      const [a, b] = [matrix[i * count + k], matrix[j * count + k]];
      matrix[i * count + k] = cos * a - sin * b;
      matrix[j * count + k] = sin * a + cos * b;
    }
  }
  return matrix;
}

function isOrthonormal(matrix, count) {
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      let sum = i === j ? -1 : 0;
      for (let k = 0; k < count; k++) sum += matrix[i * count + k] * matrix[j * count + k];
      if (Math.abs(sum) > TOLERANCE) return false;
    }
  }
  return true;
}

/** Inverts a matrix by Gauss-Jordan elimination. It is nearly orthonormal, so the inverse exists. */
function inverse(matrix, count) {
  const rows = Array.from({ length: count }, (_, i) => {
    return [...matrix.slice(i * count, (i + 1) * count), ...Array.from({ length: count }, (_, j) => Number(i === j))];
  });
  for (let k = 0; k < count; k++) {
    let pivot = k;
    for (let i = k + 1; i < count; i++) if (Math.abs(rows[i][k]) > Math.abs(rows[pivot][k])) pivot = i;
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    const scale = rows[k][k];
    rows[k] = rows[k].map((value) => value / scale);
    for (let i = 0; i < count; i++) {
      const factor = rows[i][k];
      if (i !== k && factor !== 0) rows[i] = rows[i].map((value, j) => value - factor * rows[k][j]);
    }
  }
  return rows.flatMap((row) => row.slice(count));
}
