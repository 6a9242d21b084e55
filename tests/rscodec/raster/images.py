"""Images that rasterio alone makes, for tests of this room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio import Affine

from rscodec.raster.reader import RasterReader
from rscodec.raster.scene import Scene
from rscodec.stream.verify import describe_source
from rscodec.synthetic.sample import synthesize

UTM = {
    "crs": "EPSG:32633",
    "transform": Affine(0.6000000000000106, 0, 362165.40000000235, 0, -0.6000000000000106, 3764824.19999999),
}


def describe(path) -> dict:
    with RasterReader(path) as reader:
        return describe_source(reader)


def make(path: Path, pixels: np.ndarray, finish=None, mask: np.ndarray | None = None, **profile) -> Path:
    """A file made by rasterio alone; finish(dataset) adds what a test is about."""
    count, height, width = pixels.shape
    shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", **({"driver": "GTiff"} | shape | profile)) as target,
    ):
        if finish:
            finish(target)
        target.write(pixels)
        if mask is not None:
            target.write_mask(mask)
    return path


def pixels(bands: int = 3, dtype: str = "uint8", size=(40, 30)) -> np.ndarray:
    return synthesize(size, bands, dtype)[0]


def copy(source: Path, target: Path, **options) -> Scene:
    scene = Scene.load(source)
    scene.save(target, **options)
    return scene


def set_names(target):
    target.descriptions = ("one", None, "three")
    target.update_tags(AREA_OR_POINT="Point", note="kept")
    target.update_tags(2, note="this one too")
