"""Several images as one scene with all their bands, such as B02.jp2, B03.jp2 and B04.jp2 of a Sentinel-2 scene."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.bitstreams.limits import MAX_BANDS
from rscodec.raster import marks
from rscodec.raster.metadata import PER_BAND, Metadata, alpha_bands, default_colours
from rscodec.raster.reader import RasterReader
from rscodec.raster.window import Window

KEYS = (*PER_BAND, "band_tags")
DEFAULTS: dict[str, Any] = {"descriptions": None, "units": None, "scales": 1.0, "offsets": 0.0, "band_tags": {}}
PLACE = ("crs", "transform", "gcps", "gcps_crs", "rpcs", "nodata")  # metadata that all images must share


class RasterStack:
    """Images of one grid and type as a PixelSource. A context manager.

    Tags of the scene are those of the first image, and the marks of generated bands of all. A band without a
    description is named after its file. `nodata` replaces the nodata value of the files.
    """

    def __init__(self, paths: Sequence[str | os.PathLike], nodata: float | None = None):
        with ExitStack() as opened:
            self._readers = [opened.enter_context(RasterReader(path, None, nodata)) for path in paths]
            first = self._readers[0]
            self.width, self.height, self.dtype, self.nodata = first.width, first.height, first.dtype, first.nodata
            self.count = sum(reader.count for reader in self._readers)
            self._check()
            self.metadata = self._joined()
            self._opened = opened.pop_all()

    @property
    def files(self) -> list[str]:
        """The files on disk of all images."""
        return [file for reader in self._readers for file in reader.files]

    @property
    def exact_bands(self) -> tuple[int, ...]:
        """Indices (0-based) of the alpha bands, which are stored losslessly."""
        return alpha_bands(self.metadata)

    @property
    def coded_bands(self) -> tuple[int, ...]:
        return tuple(band for band in range(self.count) if band not in self.exact_bands)

    @property
    def planes(self) -> int:
        """Class planes, as in Radiometry: 0 none (all valid), 2 one for each coded band."""
        return 2 if any(reader.planes for reader in self._readers) else 0

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (count,h,w) of a window, and classes uint8 (P,h,w) of the coded bands, or None if `planes` is 0."""
        parts = [reader.read(window) for reader in self._readers]
        pixels = np.concatenate([part for part, _ in parts])
        if not self.planes:
            return pixels, None
        shape = window.height, window.width
        classes = [
            np.broadcast_to(np.uint8(0) if found is None else found, (len(reader.coded_bands), *shape))
            for reader, (_, found) in zip(self._readers, parts, strict=True)
        ]
        return pixels, np.concatenate(classes)

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> RasterStack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        """Raise InputError unless the images fit together."""
        first = self._readers[0]
        for reader in self._readers:
            one, other = (f"{each.width} x {each.height} {each.dtype} pixels" for each in (first, reader))
            if one != other:
                raise InputError(
                    f"{first.path} has {one}, {reader.path} has {other}: bands of one scene share size and type; "
                    "resample the files to one grid, or encode them apart"
                )
            for key in PLACE:
                if reader.metadata.get(key) != first.metadata.get(key):
                    raise InputError(f"{first.path} and {reader.path} differ in {key}: encode them apart")
            if "masked" in reader.metadata:
                raise InputError(f"{reader.path} has a mask: turn it into nodata pixels, or encode it alone")
        if self.count > MAX_BANDS:
            raise InputError(f"the images have {self.count} bands together: give at most {MAX_BANDS}")

    def _joined(self) -> Metadata:
        """The metadata of all bands."""
        joined: dict[str, Any] = dict(self._readers[0].metadata)
        joined |= {key: [value for reader in self._readers for value in _of_bands(reader, key)] for key in KEYS}
        joined["tags"] = marks.of_files([(reader.metadata.get("tags", {}), reader.count) for reader in self._readers])
        grey = joined["colorinterp"]  # "gray" is the colour of every image with one band
        joined["colorinterp"] = [*grey[:1], *("undefined" if name == "gray" else name for name in grey[1:])]
        defaults: dict[str, Any] = {key: [default] * self.count for key, default in DEFAULTS.items()}
        defaults |= {"colorinterp": default_colours(self.count, self.dtype), "tags": {}}
        return cast(Metadata, {key: value for key, value in joined.items() if value != defaults.get(key)})


def _of_bands(reader: RasterReader, key: str) -> list:
    """One item of metadata for each band of an image."""
    metadata: Any = reader.metadata
    if key == "colorinterp":
        return metadata.get(key) or default_colours(reader.count, reader.dtype)
    values = metadata.get(key) or [DEFAULTS[key]] * reader.count
    if key == "descriptions":
        name = Path(str(reader.path)).stem
        return [value or (name if reader.count == 1 else f"{name} {band}") for band, value in enumerate(values, 1)]
    return values
