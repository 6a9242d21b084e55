"""Writes decoded or generated pixels to an image file: the selected window and bands, and the mask of lost pixels.

Part of a picture --select bands--> size within the limit? --> RasterWriter <--pieces-- read ahead
                                                                   <--dataset mask, where pixels are lost and
                                                                      nothing else could say so
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rscodec.bitstreams.errors import InputError, LimitExceeded, OutputError, check_path
from rscodec.concurrency.read_ahead import ahead
from rscodec.raster.drivers import lossy_option
from rscodec.raster.metadata import Metadata, crop_metadata, select_bands
from rscodec.raster.scene import MASKED_FORMATS, needs_mask
from rscodec.raster.validity import MASKED
from rscodec.raster.window import Window
from rscodec.raster.writer import SIDECARS, RasterWriter
from rscodec.stream.remote import is_url
from rscodec.stream.settings import Progress, check_types, is_whole

if TYPE_CHECKING:
    from rscodec.generative.picture import ReadablePicture


@dataclass(frozen=True)
class OutputSettings:
    """`bands`: the bands to write, counted from 1, all by default. `driver`: a driver of GDAL, with its
    `creation_options`.

    `progress` is called with (pieces written, all pieces).
    """

    bands: tuple[int, ...] | None = None
    driver: str = "GTiff"
    creation_options: dict | None = None
    overwrite: bool = False
    progress: Progress | None = None

    def __post_init__(self) -> None:
        check_types(self)

    @property
    def lossy(self) -> str:
        """The property of the format that may change pixels again; empty if there is none."""
        return lossy_option(self.driver, self.creation_options or {})


def unmarked(metadata: Metadata, chosen: list[int]) -> Metadata:
    """The default of Part.mark: adds no tags."""
    return metadata


@dataclass(frozen=True)
class Part:
    """The part of a picture to write: the window `target`, the number of bands and their type, and the metadata.

    `picture` is called after the output is known to be writable, so that no network is loaded in vain. `mark(metadata,
    chosen)` adds tags to the metadata of the `chosen` bands (0-based). `bad()` returns the damaged tiles found so far.
    """

    picture: Callable[[], ReadablePicture]
    target: Window
    count: int
    dtype: str
    metadata: Metadata
    mark: Callable[[Metadata, list[int]], Metadata] = unmarked
    bad: Callable[[], dict] = dict


def write_picture(
    part: Part, src, dst, output: OutputSettings, max_pixels: int | None = None
) -> tuple[list[int], tuple[str, ...]]:
    """Write a part of the scene in `src`, piece by piece. Returns the bands (0-based) that were written, and the keys
    of the metadata that the format cannot hold exactly.
    """
    target, metadata = part.target, part.metadata
    chosen = list(range(part.count))
    if output.bands:
        chosen = check_bands(output.bands, part.count, src)
        metadata = select_bands(metadata, chosen, part.count, part.dtype)
    if max_pixels is not None:
        check_size(target.width, target.height, len(chosen), part.dtype, max_pixels)
    shape, metadata = (target.width, target.height, len(chosen), part.dtype), part.mark(metadata, chosen)
    with RasterWriter(dst, shape, metadata, output.driver, output.creation_options, output.overwrite) as writer:
        picture = part.picture()
        pieces = picture.pieces(target)
        with closing(ahead((piece, *picture.read(piece)) for piece in pieces)) as read:
            for done, (piece, pixels, classes) in enumerate(read, 1):
                place = piece.col - target.col, piece.row - target.row
                writer.write(pixels[chosen], *place)
                if "masked" in metadata:
                    writer.write_mask(_inside_mask(classes, pixels.shape[1:]), *place)
                if output.progress:
                    output.progress(done, len(pieces))
        if part.bad() and output.driver in MASKED_FORMATS and needs_mask(metadata, part.dtype):
            for piece in pieces:
                writer.write_mask(~picture.damage(piece), piece.col - target.col, piece.row - target.row)
    return chosen, tuple(writer.changed)


def _inside_mask(classes: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    """bool (h, w): True inside the dataset mask, if the scene has one."""
    return np.ones(shape, bool) if classes is None else classes[0] != MASKED


def cropped(metadata: Metadata, target: Window, whole: Window) -> Metadata:
    """The metadata of a part of a scene."""
    return metadata if target == whole else crop_metadata(metadata, *target)


def check_bands(bands: int | tuple[int, ...], count: int, name: object = None) -> list[int]:
    """The 0-based indices of `bands`, one number or several, counted from 1. Raises InputError unless each exists (in
    the stream `name`) and occurs once.
    """
    bands = (bands,) if is_whole(bands) else bands
    if not isinstance(bands, Iterable) or not all(map(is_whole, bands)):
        raise InputError(f"bands are whole numbers from 1 on, such as (3, 2, 1), not {bands!r:.80}")
    bands = tuple(bands)
    if not bands or len(set(bands)) != len(bands) or any(not 1 <= band <= count for band in bands):
        chosen = ", ".join(map(str, bands)) or "none"
        raise InputError(f"{name or 'the stream'} has bands 1 to {count}, not {chosen}: choose some of them, each once")
    return [band - 1 for band in bands]


def check_window(window, whole: Window, name: object = None) -> Window:
    """(col, row, width, height), or a Window of rasterio, as a window inside `whole` (of the stream `name`); by default
    all of it.
    """
    if window is None:
        return whole
    if hasattr(window, "col_off"):  # rasterio counts in floats
        parts = (window.col_off, window.row_off, window.width, window.height)
        window = tuple(int(part) if float(part).is_integer() else part for part in parts)
    if not isinstance(window, Iterable) or len(window := tuple(window)) != 4 or not all(map(is_whole, window)):
        raise InputError(
            f"a window is four whole numbers, (col, row, width, height), not {window!r:.80}; `bands` chooses bands"
        )
    found = Window(*map(int, window))
    found.check_inside(whole, name)
    return found


def check_size(width: int, height: int, bands: int, dtype: str, limit: int) -> None:
    """Raise LimitExceeded for more pixels than the user allows, before memory is allocated for them."""
    if not is_whole(limit):
        raise InputError(f"`max_pixels={limit!r:.80}`: give a whole number")
    count = width * height * bands
    if count > limit:
        gigabytes = count * np.dtype(dtype).itemsize / 1e9
        raise LimitExceeded(
            f"{width} x {height} pixels of {bands} bands take {gigabytes:.1f} GB; the limit is {limit} "
            f"pixels: decode a window, or give `max_pixels={count}`"
        )


def check_apart(dst: str | Path, files: Iterable[str | Path]) -> None:
    """Raise OutputError if the output would overwrite or remove a file of the input."""
    check_path(dst, "the output")
    made = [Path(dst), *(Path(f"{dst}{suffix}") for suffix in SIDECARS)]
    for file in files:
        if not is_url(file) and any(_is_same(file, path) for path in made):
            raise OutputError(
                f"{dst} is the input itself, or belongs to one of its files ({file}); choose another output"
            )


def _is_same(one: str | Path, other: Path) -> bool:
    try:
        return other.samefile(one)
    except (OSError, ValueError):  # one of the files does not exist
        return False
