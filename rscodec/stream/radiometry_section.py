"""The radiometry section of a stream (SPEC.md, "Radiometry section").

    flags u8, exact bands u16 (a bit each), then only the fields that the flags announce, in this order:
    scale, offset, matrix, short transform (offset and angles, a byte each), components alone, weights

Real numbers are float32, or float64 for float64 scenes. Their rounding does no harm, because encoder and decoder use
the same rounded values.
"""

from __future__ import annotations

import struct

import numpy as np

from rscodec.bitstreams.errors import RadiometryDamaged
from rscodec.bitstreams.limits import MAX_BANDS
from rscodec.stream.radiometry import DEFAULT_SCALE, MATRIX_ONE, Radiometry

FLAG_PLANES, FLAG_SCALE, FLAG_OFFSET, FLAG_MATRIX, FLAG_SHORT, FLAG_ALONE, FLAG_WEIGHTS = 0b11, 4, 8, 16, 32, 64, 128
PLAIN = bytes(3)  # a section without fields
MATRIX_TOLERANCE = 0.01  # how far a stored KLT may be from orthonormal


def needs_section(dtype: str, bands: int) -> bool:
    """Whether a stream of such a scene must have this section. A stream that lacks it is damaged."""
    return dtype != "uint8" or bands > 3


def section_of(radiometry: Radiometry) -> bytes | None:
    """The section to store; None if the file needs none."""
    packed = pack_radiometry(radiometry)
    return packed if needs_section(radiometry.dtype, radiometry.bands) or packed != PLAIN else None


def pack_radiometry(radiometry: Radiometry) -> bytes:
    real = np.dtype(_real(radiometry.dtype))
    flags, tail = radiometry.planes, b""
    if radiometry.scale != DEFAULT_SCALE:
        flags, tail = flags | FLAG_SCALE, tail + np.array([radiometry.scale], real).tobytes()
    if radiometry.angles:
        flags, tail = flags | FLAG_SHORT, tail + bytes(map(int, radiometry.offset)) + bytes(radiometry.angles)
    elif any(radiometry.offset):
        flags, tail = flags | FLAG_OFFSET, tail + np.array(radiometry.offset, real).tobytes()
    if radiometry.matrix is not None:
        flags, tail = flags | FLAG_MATRIX, tail + radiometry.matrix.astype("<i2").tobytes()
    if radiometry.alone:
        flags, tail = flags | FLAG_ALONE, tail + bytes([radiometry.alone])
    if radiometry.weights:
        flags, tail = flags | FLAG_WEIGHTS, tail + np.array(radiometry.weights, real).tobytes()
    return struct.pack("<BH", flags, sum(1 << band for band in radiometry.exact)) + tail


def unpack_radiometry(data: bytes | None, dtype: str, bands: int) -> Radiometry:
    """Read a section (None if absent). Raises RadiometryDamaged for a section that no writer makes."""
    if data is None:
        if needs_section(dtype, bands):
            raise RadiometryDamaged(f"the radiometry section is missing, {bands} {dtype} bands need it")
        return Radiometry.default(dtype, bands)
    if len(data) < len(PLAIN):
        raise RadiometryDamaged(f"the radiometry section has {len(data)} bytes, at least {len(PLAIN)} are needed")
    flags, exact_bits = struct.unpack_from("<BH", data)
    exact = tuple(band for band in range(MAX_BANDS) if exact_bits >> band & 1)
    _check_flags(flags, exact, dtype, bands)
    return _from_fields(_fields(data, flags, dtype, bands - len(exact)), flags, exact, dtype, bands)


def _check_flags(flags: int, exact: tuple[int, ...], dtype: str, bands: int) -> None:
    """Raise RadiometryDamaged unless flags and lossless bands fit each other and the scene."""
    count = bands - len(exact)
    if any(band >= bands for band in exact) or flags & FLAG_PLANES == 3:
        raise RadiometryDamaged(f"the radiometry section has flags {flags:#x}, lossless bands {exact}")
    if count < 2 if flags & FLAG_MATRIX else count > 3:
        raise RadiometryDamaged(
            f"{count} coded bands do not fit the flags: a transform needs 2, more than 3 need a transform"
        )
    if flags & FLAG_SHORT and (dtype != "uint8" or count < 2 or flags & (FLAG_SCALE | FLAG_OFFSET | FLAG_MATRIX)):
        raise RadiometryDamaged(f"a short spectral transform is for 2 or 3 bands of uint8, not {count} of {dtype}")
    if flags & FLAG_WEIGHTS and count < 2:
        raise RadiometryDamaged(f"weights are for 2 and more coded bands, not for {count}")


def _fields(data: bytes, flags: int, dtype: str, count: int) -> dict[int, bytes]:
    """The bytes of each field, by its flag; empty if the field is absent."""
    real = np.dtype(_real(dtype)).itemsize
    sizes = {
        FLAG_SCALE: real,
        FLAG_OFFSET: real * count,
        FLAG_MATRIX: 2 * count * count,
        FLAG_SHORT: count + count * (count - 1) // 2,
        FLAG_ALONE: 1,
        FLAG_WEIGHTS: real * count,
    }
    fields, end = {}, len(PLAIN)
    for flag, size in sizes.items():
        start, end = end, end + (size if flags & flag else 0)
        fields[flag] = data[start:end]
    if len(data) != end:
        raise RadiometryDamaged(f"the radiometry section has {len(data)} bytes, not {end}")
    return fields


def _from_fields(fields: dict[int, bytes], flags: int, exact: tuple[int, ...], dtype: str, bands: int) -> Radiometry:
    real, count = np.dtype(_real(dtype)), bands - len(exact)
    short = fields[FLAG_SHORT]
    scale = float(np.frombuffer(fields[FLAG_SCALE], real)[0]) if fields[FLAG_SCALE] else DEFAULT_SCALE
    offset = np.frombuffer(fields[FLAG_OFFSET], real).astype(float) if fields[FLAG_OFFSET] else np.zeros(count)
    if short:
        offset = np.array(list(short[:count]), float)
    weights = np.frombuffer(fields[FLAG_WEIGHTS], real).astype(float)
    if not (np.isfinite(scale) and scale > 0 and np.isfinite(offset).all()):
        raise RadiometryDamaged("the radiometry section has an impossible scale or offset")
    if not (np.isfinite(weights) & (weights >= 1)).all():
        raise RadiometryDamaged("the radiometry section has impossible weights of bands")
    found = Radiometry(
        dtype,
        bands,
        exact,
        flags & FLAG_PLANES,
        scale,
        tuple(offset.tolist()),
        _matrix(fields[FLAG_MATRIX], count),
        tuple(short[count:]),
        int.from_bytes(fields[FLAG_ALONE], "little"),
        tuple(weights.tolist()),
    )
    if flags & FLAG_ALONE and not 1 <= found.alone <= found.most_alone:
        raise RadiometryDamaged(
            f"the radiometry section gives {found.alone} of {count} components a group of their own"
        )
    return found


def _matrix(data: bytes, count: int) -> np.ndarray | None:
    """The KLT matrix. Raises RadiometryDamaged if it is not orthonormal."""
    if not data:
        return None
    matrix = np.frombuffer(data, "<i2").astype(np.int16).reshape(count, count)
    klt = matrix.astype(np.float64) / MATRIX_ONE
    if np.abs(klt @ klt.T - np.eye(count)).max() > MATRIX_TOLERANCE:
        raise RadiometryDamaged("the spectral transform in the radiometry section is not orthonormal")
    return matrix


def _real(dtype: str) -> str:
    """The type in which scale, offset and weights are stored."""
    return "<f8" if dtype == "float64" else "<f4"
