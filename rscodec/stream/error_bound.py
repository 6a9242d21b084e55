"""Guarantees a largest error E: the decoded tile (its base) becomes integers, and its difference from the original is
coded as integers.

    integers: unit 1, reach E          floats: unit E / 32, reach 31; half a unit for rounding, half for the float
    original / unit, rounded --> wanted
    unrounded base / unit + nudge, floor --> base --residual.py--> decoded, |decoded - wanted| <= reach --> pixels

Machines differ slightly in the unrounded base. The encoder chooses the nudge of each band so that no value is close to
a jump of `floor`. So the integers, and with them the pixels, are the same on every machine.
"""

from __future__ import annotations

import zlib

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import MAX_INTEGER_BOUND, MIN_FLOAT_BOUND
from rscodec.codec.base import SYNTHESIS_TOLERANCE, TileCodec
from rscodec.raster.validity import FLOAT_TOLERANCE, native
from rscodec.raster.window import Window
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.residual import Range, decode_residual, encode_residual

REACH_OF_FLOATS = 31
UNITS = 2**30  # the largest absolute value of a float, in units
NUDGES = 256
REAL_ERROR = 2.0**-50  # relative error of a float64 after the few operations between network and units


class Bound:
    """`largest`: E, in units of the scene. `scale`: the network's 1.0 in these units. `nodata`: the nodata value of the
    scene.
    """

    def __init__(self, largest: float, dtype: str, scale: float, nodata: float | None):
        self.dtype, self.scale, largest = np.dtype(dtype), scale, float(largest)
        self.integer = np.issubdtype(self.dtype, np.integer)
        if not (self.integer or largest >= MIN_FLOAT_BOUND):
            raise InputError(
                f"`max_error={largest:g}`: floats cannot be kept exactly; give a larger one, such as 0.001"
            )
        self.largest = float(min(int(largest), MAX_INTEGER_BOUND)) if self.integer else largest
        self.unit = 1.0 if self.integer else largest / (REACH_OF_FLOATS + 1)
        self.reach = int(self.largest) if self.integer else REACH_OF_FLOATS
        self.nodata = native(nodata, self.dtype)
        self.legal = self._legal()

    def encode(self, unrounded: np.ndarray, original: np.ndarray, valid: np.ndarray) -> tuple[bytes, int]:
        """Base (C,h,w) float64 and original -> payload and its crc_decoded. The payload is empty if the base is close
        enough.
        """
        wanted, nudges = self._wanted(original, valid), self.nudges(unrounded)
        base = self.base(unrounded, nudges)
        if not nudges.any() and self._keeps(base, original, valid) and not self._in_gap(base, valid).any():
            return b"", _crc(base, valid)
        below = valid & (original < self.nodata) if self.legal.gap else np.zeros_like(valid)
        coded, decoded = encode_residual(np.where(valid, wanted, base), base, valid, below, self.reach, self.legal)
        if not self._keeps(decoded, original, valid):
            raise self._too_fine(original[valid])
        return nudges.tobytes() + coded, _crc(decoded, valid)

    def decode(self, payload: bytes, unrounded: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, int]:
        """Payload and unrounded base -> pixels (C,h,w) and crc_decoded."""
        nudges = np.frombuffer(payload[: len(unrounded)], np.uint8)
        if not payload:
            base = self.base(unrounded, np.zeros(len(unrounded)))
            return self._pixels(base), _crc(base, valid)
        base = self.base(unrounded, np.resize(nudges, len(unrounded)))
        decoded = decode_residual(payload[len(unrounded) :], base, valid, self.reach, self.legal)
        return self._pixels(decoded), _crc(decoded, valid)

    def base(self, unrounded: np.ndarray, nudges: np.ndarray) -> np.ndarray:
        base = np.floor(unrounded / self.unit + 0.5 + nudges.reshape(-1, 1, 1) / NUDGES)
        return np.clip(base, self.legal.low, self.legal.high).astype(np.int64)

    def nudges(self, unrounded: np.ndarray) -> np.ndarray:
        """For each band, the first nudge for which no value is ambiguous."""
        chosen = []
        for band in unrounded / self.unit + 0.5:
            doubt = SYNTHESIS_TOLERANCE * self.scale / self.unit + REAL_ERROR * np.abs(band).max()
            places = (band - np.floor(band)) * NUDGES  # a nudge of NUDGES - places would reach the next integer
            nearest = np.rint(places)
            doubtful = nearest[np.abs(places - nearest) <= NUDGES * doubt].astype(np.int64)
            free = np.setdiff1d(np.arange(NUDGES), -doubtful % NUDGES)
            if not len(free):
                raise InputError(
                    f"`max_error={self.largest:g}` is too fine: before rounding, the pixels of a tile may differ by "
                    f"{doubt * self.unit:.1g} between machines, so some of its {band.size} pixels could be rounded "
                    "differently; give a larger one, or a smaller `tile`"
                )
            chosen.append(free[0])
        return np.array(chosen, np.uint8)

    def _wanted(self, original: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Pixels as integers, in units."""
        if self.integer:
            return original.astype(np.int64)
        with np.errstate(over="ignore"):
            units = np.rint(np.where(valid, original, 0).astype(np.float64) / self.unit)
        if np.abs(units).max() >= UNITS:
            raise self._too_fine(original[valid])
        return units.astype(np.int64)

    def _too_fine(self, original: np.ndarray) -> InputError:
        largest = np.abs(original).max()
        enough = max(REACH_OF_FLOATS * float(np.spacing(largest)), (REACH_OF_FLOATS + 1) * float(largest) / UNITS)
        return InputError(
            f"`max_error={self.largest:g}` is too fine for pixels of {self.dtype} as large as {largest:g}; "
            f"give {1.1 * enough:.2g} or more"
        )

    def _in_gap(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        if not self.legal.gap:
            return np.zeros_like(valid)
        first, last = self.legal.gap
        return valid & (values >= first) & (values <= last)

    def _keeps(self, decoded: np.ndarray, original: np.ndarray, valid: np.ndarray) -> bool:
        error = np.abs(self._pixels(decoded)[valid].astype(np.float64) - original[valid])
        return bool(error.max(initial=0) <= self.largest)

    def _pixels(self, values: np.ndarray) -> np.ndarray:
        return (values if self.integer else values * self.unit).astype(self.dtype)

    def _legal(self) -> Range:
        """The range of the type, and the values in it that would be read as nodata."""
        low, high = (np.iinfo(self.dtype).min, np.iinfo(self.dtype).max) if self.integer else (-UNITS, UNITS)
        value = self.nodata
        if value is None or not abs(float(value)) / self.unit < 2 * UNITS:  # not finite, or far outside the range
            return Range(low, high)
        margin = 0.0 if self.integer else FLOAT_TOLERANCE * abs(float(value))
        first = int(np.floor((float(value) - margin) / self.unit))
        last = int(np.ceil((float(value) + margin) / self.unit))
        if last < low or first > high:
            return Range(low, high)
        if first <= low:
            return Range(last + 1, high)
        return Range(low, first - 1) if last >= high else Range(low, high, (first, last))


def _crc(decoded: np.ndarray, valid: np.ndarray) -> int:
    """CRC-32 of the values as little-endian numbers, with 0 in place of invalid ones."""
    return zlib.crc32(np.where(valid, decoded, 0).astype("<i4").tobytes())


def unrounded_base(
    codec: TileCodec, radiometry: Radiometry, latents: np.ndarray, quality: float, tile: Window
) -> np.ndarray:
    """Latents (G,h,w,N) of a tile -> its coded bands (C,h,w) float64. They do not depend on neighbouring tiles."""
    channels = np.full((len(latents), 3, tile.height, tile.width), 0.5)
    busy = latents.any((1, 2, 3))
    if busy.any():
        channels[busy] = codec.synthesise_closely(latents[busy], quality)[..., : tile.height, : tile.width]
    return radiometry.unrounded(channels)
