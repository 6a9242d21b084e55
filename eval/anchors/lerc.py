"""LERC in a GeoTIFF by GDAL: the parameter limits the error of every pixel. Any number of bands, any type."""

from __future__ import annotations

import warnings

import numpy as np

from rscodec.bitstreams.errors import ToolMissing
from rscodec.eval.anchors.base import Anchor, Shape


class Lerc(Anchor):
    """The parameter is the largest error in percent of the image's range, so that it fits any type."""

    name = "lerc"
    parameters = (12, 8, 5, 3, 2, 1.2, 0.8, 0.4)
    command = "gdal_translate -co COMPRESS=LERC_ZSTD -co MAX_Z_ERROR=({parameter} % of the range) -co INTERLEAVE=BAND"

    def __init__(self) -> None:
        import rasterio

        self.version = f"GDAL {rasterio.__gdal_version__}"
        try:
            self.encode(np.zeros((1, 8, 8), np.uint8), 1)
        except rasterio.errors.RasterioError as problem:
            raise ToolMissing(f"lerc: this GDAL writes no LERC ({problem}); pip install a newer rasterio") from None

    def encode(self, pixels: np.ndarray, parameter: float) -> bytes:
        import rasterio

        count, height, width = pixels.shape
        error = parameter / 100 * (float(pixels.max()) - float(pixels.min()))
        profile = {
            "driver": "GTiff",
            "width": width,
            "height": height,
            "count": count,
            "dtype": pixels.dtype,
            "compress": "LERC_ZSTD",
            "MAX_Z_ERROR": error,
            "ZSTD_LEVEL": 22,
            "interleave": "band",
            "blockysize": height,
        }
        with warnings.catch_warnings(), rasterio.MemoryFile() as memory:
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with memory.open(**profile) as file:
                file.write(pixels)
            return bytes(memory.getbuffer())

    def decode(self, data: bytes, shape: Shape, dtype: str) -> np.ndarray:
        import rasterio

        with warnings.catch_warnings(), rasterio.MemoryFile(data) as memory:
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with memory.open() as file:
                return file.read()
