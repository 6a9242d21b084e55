"""A synthetic Earth scene, for demos and tests without imagery.

    landscape.py: reflectance (B,h,w) --> blur of the optics, sensor noise --> digital numbers

A pixel depends only on its coordinates and the seed (noise.py). So a scene of any size can be made block by block, and
a larger scene with the same seed contains the smaller one. Only a collar of nodata depends on the size of the scene.
"""

from __future__ import annotations

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.raster.dtypes import to_dtype
from rscodec.raster.validity import native, protect_nodata
from rscodec.synthetic.landscape import Landscape
from rscodec.synthetic.noise import View, hashed

BLOCK = 512
LIGHT_SCALE = 0.35  # reflectance that becomes 255 in uint8

# The order in which bands are added. Scenes with more than four bands are sorted by wavelength (nm).
BANDS = (
    ("red", 665),
    ("green", 560),
    ("blue", 490),
    ("nir", 842),
    ("swir1", 1610),
    ("swir2", 2190),
    ("rededge1", 705),
    ("rededge3", 783),
    ("coastal", 443),
    ("rededge2", 740),
    ("narrow nir", 865),
    ("water vapour", 945),
    ("yellow", 605),
    ("cyan", 520),
    ("swir0", 1240),
    ("swir3", 2300),
)


def synthesize(
    size: int | tuple[int, int] = 512,
    bands: int = 3,
    dtype: str = "uint8",
    nodata: float | None = None,
    seed: int = 42,
) -> tuple[np.ndarray, dict]:
    """A scene of size x size (or (width, height)) pixels of one metre -> pixels (B,h,w), metadata.

    16-bit integers hold reflectance times 10000, floats hold reflectance. With a nodata value, the scene has the tilted
    footprint of a satellite image, surrounded by nodata.
    """
    if nodata is not None and native(nodata, dtype) is None:
        raise InputError(f"nodata {nodata:g} is not a possible {dtype} value: choose another value or another dtype")
    width, height = (size, size) if isinstance(size, int) else size
    chosen = list(BANDS[:bands]) if bands <= 4 else sorted(BANDS[:bands], key=lambda band: band[1])
    pixels = np.empty((bands, height, width), dtype)
    for y in range(0, height, BLOCK):
        for x in range(0, width, BLOCK):
            view = View(x, y, min(BLOCK, width - x), min(BLOCK, height - y))
            block = _sense(view, [wavelength for _, wavelength in chosen], seed, dtype)
            if nodata is not None:
                block = protect_nodata(block, _collar(view, width, height), nodata)
            pixels[:, y : y + view.height, x : x + view.width] = block
    metadata = {"crs": "EPSG:32633", "transform": [1.0, 0.0, 412000.0, 0.0, -1.0, 5318000.0]}
    if nodata is not None:
        metadata["nodata"] = repr(float(nodata))
    if bands > 3:
        metadata["descriptions"] = [name for name, _ in chosen]
    return pixels, metadata


def _sense(view: View, wavelengths: list[int], seed: int, dtype: str) -> np.ndarray:
    """Simulate a camera: blur, noise, digital numbers."""
    grown = view.grown(1)
    ground = Landscape(grown, wavelengths, seed).paint()
    ground = (ground[:, :-2] + 2 * ground[:, 1:-1] + ground[:, 2:]) / 4
    ground = (ground[:, :, :-2] + 2 * ground[:, :, 1:-1] + ground[:, :, 2:]) / 4
    x, y = view.coordinates()
    noise = np.stack([hashed(seed + 900 + band, x, y) - 0.5 for band in range(len(wavelengths))])
    ground = np.clip(ground * (1 + 0.03 * noise) + 0.002 * noise, 0.0005, 1)
    if dtype == "uint8":
        return to_dtype(255 * (ground / LIGHT_SCALE) ** 0.7, dtype)
    return to_dtype(ground * (10000 if np.issubdtype(dtype, np.integer) else 1), dtype)


def _collar(view: View, width: int, height: int) -> np.ndarray:
    """Classes (1,h,w): 1 outside a footprint that is tilted by about eight degrees."""
    x, y = view.coordinates()
    x, y = (x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5
    outside = (np.abs(x + 0.14 * y) > 0.42) | (np.abs(y - 0.14 * x) > 0.42)
    return outside.astype(np.uint8)[None]
