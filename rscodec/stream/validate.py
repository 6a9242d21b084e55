"""Compares everything about two scenes that compression must not change.

raster --RasterReader--------------+--> description: size, bands, dtype, metadata    --differences--> lines
stream --header, sections, Lossless+--> classes of pixels, the lossless bands        --counted------> lines
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rscodec.bitstreams.errors import InputError, naming
from rscodec.bitstreams.wire import MAGIC
from rscodec.raster.metadata import differences
from rscodec.raster.reader import RasterReader, is_stream
from rscodec.raster.validity import VALID, same
from rscodec.raster.window import Window
from rscodec.stream.geometry import Grid
from rscodec.stream.lossless import Lossless
from rscodec.stream.radiometry import Radiometry
from rscodec.stream.radiometry_section import unpack_radiometry
from rscodec.stream.remote import RemoteSource, is_url, open_stream
from rscodec.stream.verify import describe_source, describe_stream

PIECE = 1024


@dataclass(frozen=True)
class LosslessParts:
    """The lossless parts of a scene. `read` returns the classes of the coded bands (C, h, w) and the lossless bands (E,
    h, w) of a window.
    """

    described: dict
    coded: tuple[int, ...]
    read: Callable[[Window], tuple[np.ndarray, np.ndarray]]

    @property
    def kind(self) -> tuple:
        """The properties that must be equal for a comparison pixel by pixel."""
        return *map(self.described.get, ("width", "height", "bands", "dtype", "nodata", "masked")), self.coded


def validate(scene: str | Path, other: str | Path) -> list[str]:
    """One line for each difference."""
    with _opened(scene) as one, _opened(other) as two:
        found = differences(one.described, two.described, (str(scene), str(other)))
        return found + _counted(one, two) if one.kind == two.kind else found


def _counted(one: LosslessParts, two: LosslessParts) -> list[str]:
    classes = lossless = 0
    grid = Grid(one.described["width"], one.described["height"], PIECE, 1)
    for part in grid.blocks(1):
        (kinds, exact), (other_kinds, other_exact) = one.read(part), two.read(part)
        classes += int((kinds != other_kinds).sum())
        lossless += int((~same(exact, other_exact)).sum())
    counts = ("valid, nodata, NaN or masked", classes), ("alpha", lossless)
    return [f"{what}: {count} differ, counted in all bands" for what, count in counts if count]


@contextmanager
def _opened(path: str | Path) -> Iterator[LosslessParts]:
    if not _is_stream(path):
        with RasterReader(path) as reader:
            yield LosslessParts(describe_source(reader), reader.coded_bands, lambda part: _of_raster(reader, part))
        return
    with open_stream(path) as reader, naming(path):
        radiometry = unpack_radiometry(reader.radiometry, reader.header.dtype, reader.header.bands)
        lossless = Lossless(reader, radiometry)
        yield LosslessParts(
            describe_stream(reader), radiometry.coded, lambda part: _of_stream(lossless, radiometry, part)
        )


def _is_stream(path: str | Path) -> bool:
    """Whether this is a stream, and not an image."""
    if not is_url(path):
        return is_stream(path)
    try:
        return RemoteSource(path)(0, len(MAGIC)) == MAGIC
    except InputError:  # GDAL may read it
        return False


def _of_raster(reader: RasterReader, part: Window) -> tuple[np.ndarray, np.ndarray]:
    pixels, classes = reader.read(part)
    return _by_band(classes, part, reader.coded_bands), pixels[list(reader.exact_bands)]


def _of_stream(lossless: Lossless, radiometry: Radiometry, part: Window) -> tuple[np.ndarray, np.ndarray]:
    classes, exact, _ = lossless.read(part)
    return _by_band(classes, part, radiometry.coded), exact


def _by_band(classes: np.ndarray | None, part: Window, coded: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(VALID if classes is None else classes, (len(coded), part.height, part.width))
