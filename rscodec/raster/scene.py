"""A scene in memory: what `rscodec.decode` returns and `rscodec.encode` takes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rscodec.bitstreams.errors import InputError, check_path
from rscodec.raster.drivers import driver_for
from rscodec.raster.metadata import Metadata, alpha_bands, nodata_value
from rscodec.raster.reader import RasterReader
from rscodec.raster.validity import MASKED, VALID, native
from rscodec.raster.window import Window
from rscodec.raster.writer import BLOCK, RasterWriter

MASKED_FORMATS = ("GTiff", "COG")  # formats that can store a mask of valid pixels


@dataclass(repr=False)
class Scene:
    """pixels (B,H,W), class planes of its coded bands (P,H,W) or None (every pixel is valid), metadata.

    `encode` and `save` find nodata and NaN in the pixels. Of the classes, they take only the dataset mask.

    >>> import rscodec
    >>> from rscodec.synthetic.sample import synthesize
    >>> pixels, metadata = synthesize((160, 128), bands=4, dtype="uint16", nodata=0)
    >>> rscodec.Scene(pixels, metadata=metadata).save("scene.tif")
    >>> scene = rscodec.Scene.load("scene.tif", bands=(1, 4))
    >>> scene.pixels.shape, scene.nodata, scene.metadata["descriptions"]
    ((2, 128, 160), 0.0, ['red', 'nir'])
    >>> bool((scene.mask == (scene.pixels != 0)).all())
    True
    """

    pixels: np.ndarray
    classes: np.ndarray | None = None
    metadata: Metadata = field(default_factory=Metadata)

    def __repr__(self) -> str:
        return f"<rscodec scene: {summary(self.pixels.shape, str(self.pixels.dtype), self.metadata)}>"

    @classmethod
    def load(cls, path: str | os.PathLike, bands: tuple[int, ...] | None = None, nodata: float | None = None) -> Scene:
        """Read a whole image file. `bands` (1-based) and `nodata`: as for RasterReader."""
        with RasterReader(path, bands, nodata) as reader:
            return cls(*reader.read(Window(0, 0, reader.width, reader.height)), reader.metadata)

    def save(
        self, path: str | os.PathLike, driver: str | None = None, overwrite: bool = False, **creation_options: Any
    ) -> None:
        """Write an image file. Without `driver`, the suffix decides (.tif, .png, .jpg, .jp2)."""
        check_path(path, "the output")
        if self.pixels.ndim != 3:
            raise InputError(f"pixels have three axes (bands, rows, columns), not the shape {self.pixels.shape}")
        count, height, width = self.pixels.shape
        shape = width, height, count, self.pixels.dtype.name  # without the order of bytes
        driver, mask = driver or driver_for(path), self.dataset_mask
        lost = driver in MASKED_FORMATS and needs_mask(self.metadata, shape[-1]) and not mask.all()
        with RasterWriter(path, shape, self.metadata, driver, creation_options, overwrite) as writer:
            for row in range(0, height, BLOCK):
                strip = slice(row, row + BLOCK)
                if "masked" in self.metadata or lost:
                    writer.write_mask(mask[strip], 0, row)
                writer.write(self.pixels[:, strip], 0, row)

    @property
    def mask(self) -> np.ndarray:
        """bool (B,H,W): True for measured pixels; always True in alpha bands."""
        mask = np.ones(self.pixels.shape, bool)
        coded = [band for band in range(len(mask)) if band not in alpha_bands(self.metadata)]
        if self.classes is not None and coded:
            mask[coded] = self.classes == VALID
        return mask

    @property
    def dataset_mask(self) -> np.ndarray:
        """bool (H,W): False outside the dataset mask, if the scene has one."""
        if self.classes is None:
            return np.ones(self.pixels.shape[1:], bool)
        coded = len(self.pixels) - len(alpha_bands(self.metadata))
        if np.shape(self.classes) not in ((planes, *self.pixels.shape[1:]) for planes in (1, coded)):
            raise InputError(
                f"classes of shape {np.shape(self.classes)} do not fit pixels of shape {self.pixels.shape}: give one "
                f"plane for each of the {coded} coded bands, or one for all of them"
            )
        return self.classes[0] != MASKED

    @property
    def nodata(self) -> float | None:
        return nodata_value(self.metadata)


def needs_mask(metadata: Metadata, dtype: str) -> bool:
    """Whether only a new dataset mask can mark lost pixels: the scene has none, nor a pixel value for them."""
    return not ("masked" in metadata or dtype.startswith("float") or native(nodata_value(metadata), dtype) is not None)


def summary(shape: tuple[int, ...], dtype: str, metadata: Metadata) -> str:
    """Size, type, CRS and nodata value of a scene, for people. `shape`: (bands, rows, columns)."""
    count, height, width = shape
    nodata = nodata_value(metadata)
    facts = [
        f"{width} x {height} pixels",
        f"{count} band{'s' * (count > 1)} of {dtype}",
        metadata.get("crs", "no CRS").partition("[")[0],
        "no nodata value" if nodata is None else f"nodata {nodata:g}",
    ]
    return ", ".join(facts)


def assemble(
    pieces: Iterable[tuple[Window, np.ndarray, np.ndarray | None]], window: Window, count: int, dtype: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Join pieces to the pixels (B,h,w) and the class planes (P,h,w) or None of a window."""
    shape = window.height, window.width
    whole, classes = np.empty((count, *shape), dtype), None
    for piece, pixels, found in pieces:
        inside = (slice(None), *piece.within(window))
        whole[inside] = pixels
        if found is not None:
            classes = np.zeros((len(found), *shape), np.uint8) if classes is None else classes
            classes[inside] = found
    return whole, classes
