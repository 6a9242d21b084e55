"""The scenes of the passed vectors. They are small, and each tests one thing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rscodec.raster.scene import Scene
from rscodec.raster.validity import MASKED
from rscodec.synthetic.sample import synthesize


class Row(NamedTuple):
    topic: str
    scene: Scene
    quality: float = 4.0
    tile: int = 512
    max_error: float | None = None
    balance: bool = False


def earth(width=48, height=40, bands=3, dtype="uint8", metadata=None, seed=7) -> Scene:
    """A synthetic scene with this metadata only."""
    pixels, _ = synthesize((width, height), bands, dtype, seed=seed)
    return Scene(pixels, metadata=metadata or {})


def with_hole(scene: Scene, value: float, rows: slice, cols: slice, bands: slice = slice(None)) -> Scene:
    scene.pixels[bands, rows, cols] = value
    return scene


def temperatures() -> Scene:
    """int16 below zero, with a nodata value in a corner."""
    pixels = synthesize((40, 33), 1, "int16", seed=11)[0] - 4000
    return with_hole(Scene(pixels, metadata={"nodata": "-32768.0"}), -32768, slice(0, 9), slice(20, 40))


def georeferenced() -> Scene:
    """The metadata of a typical product."""
    metadata = {
        "crs": "EPSG:32633",
        "transform": [10.0, 0.0, 412000.0, 0.0, -10.0, 5318000.0],
        "tags": {"": {"AREA_OR_POINT": "Area", "TIFFTAG_SOFTWARE": "söftware 1.0", "cloud": "12.5 %"}},
        "band_tags": [{"": {"wavelength": "665"}}, {"": {"wavelength": "560"}}, {"": {"wavelength": "490"}}],
        "descriptions": ["red", "green", None],
        "scales": [0.0001, 0.0001, 0.1],
        "offsets": [0.0, -0.1, 0.0],
        "units": ["1", "1", None],
    }
    return earth(dtype="uint16", metadata=metadata)


def with_points() -> Scene:
    points = [
        [0.5, 0.5, 12.25, 47.75, 310.0, "1", ""],
        [39.5, 0.5, 12.25, 47.5, 305.5, "2", "tower"],
        [0.5, 47.5, 12.625, 47.75, 298.0, "3", ""],
        [39.5, 47.5, 12.625, 47.5, 0.0, "4", ""],
    ]
    return earth(metadata={"gcps": points, "gcps_crs": "EPSG:4326"})


def with_rpcs() -> Scene:
    numbers = " ".join(repr(round(0.001 * i**2 - 0.05 * i, 6)) for i in range(20))
    names = (
        "LINE_OFF",
        "SAMP_OFF",
        "LAT_OFF",
        "LONG_OFF",
        "HEIGHT_OFF",
        "LINE_SCALE",
        "SAMP_SCALE",
        "LAT_SCALE",
        "LONG_SCALE",
        "HEIGHT_SCALE",
    )
    rpcs = {name: repr(10.5 + i) for i, name in enumerate(names)}
    rpcs |= dict.fromkeys(("LINE_NUM_COEFF", "LINE_DEN_COEFF", "SAMP_NUM_COEFF", "SAMP_DEN_COEFF"), numbers)
    return earth(bands=1, metadata={"rpcs": rpcs})


def with_alpha() -> Scene:
    scene = earth(bands=4, metadata={"colorinterp": ["red", "green", "blue", "alpha"]})
    rows, cols = np.mgrid[:40, :48]
    scene.pixels[3] = np.clip(12 * (24 - np.hypot(rows - 20, cols - 24)), 0, 255)
    return scene


def masked() -> Scene:
    scene = earth(metadata={"masked": True})
    rows, cols = np.mgrid[:40, :48]
    scene.classes = np.where((rows - 20) ** 2 + (cols - 24) ** 2 > 400, MASKED, 0).astype(np.uint8)[None]
    return scene


def mosaic() -> Scene:
    """Tiles of all kinds: complete, partly nodata, without a valid pixel, small at the edges."""
    scene = earth(150, 100, metadata={"nodata": "0.0"})
    scene.pixels[:] = np.maximum(scene.pixels, 1)
    with_hole(scene, 0, slice(64, 100), slice(0, 64))
    return with_hole(scene, 0, slice(20, 50), slice(50, 80))


def per_band() -> Scene:
    """Bands with different invalid pixels."""
    scene = earth(bands=3, dtype="uint16", metadata={"nodata": "65535.0"})
    with_hole(scene, 65535, slice(0, 10), slice(0, 48), slice(0, 1))
    return with_hole(scene, 65535, slice(30, 40), slice(8, 20), slice(1, 2))


def gaps(bands: int, dtype: str) -> Scene:
    """Floats with fractions, some of them NaN."""
    scene = earth(37, 29, bands, dtype)
    scene.pixels[:] = scene.pixels * 300 - 20
    return with_hole(scene, np.nan, slice(5, 12), slice(30, 37))


def noise() -> Scene:
    """Pixels far from the model's expectations, with symbols beyond the tables."""
    return Scene(np.random.default_rng(3).choice(np.array([0, 255], np.uint8), (3, 32, 48)))


def half_flat() -> Scene:
    """Four almost equal bands: the weak components are mid grey in some tiles only."""
    scene = earth(140, 70, bands=1)
    pixels = np.repeat(scene.pixels, 4, axis=0)
    pixels[1:, :, 70:] = pixels[1:, :, :69:-1] // 2
    return Scene(pixels)


def straddling() -> Scene:
    """Valid pixels close to nodata, above and below it."""
    scene = earth(metadata={"nodata": "100.0"})
    near = np.random.default_rng(5).choice(np.array([97, 98, 99, 101, 102, 103], np.uint8), scene.pixels.shape)
    scene.pixels[:, :, 24:] = near[:, :, 24:]
    return with_hole(scene, 100, slice(10, 20), slice(0, 40))


def alpha_alone() -> Scene:
    """A scene without bands for the network."""
    scene = with_alpha()
    return Scene(scene.pixels[3:], metadata={"colorinterp": ["alpha"]})


SCENES = (
    Row("plain_rgb", earth(64, 64), 3.0),
    Row("odd_size", earth(53, 37)),
    Row("one_pixel", Scene(np.array([[[200]], [[100]], [[50]]], np.uint8))),
    Row("one_band", earth(bands=1)),
    Row("two_bands", earth(bands=2)),
    Row("four_bands", earth(bands=4)),
    Row("twelve_bands", earth(40, 32, 12, "uint16")),
    Row("uint16", earth(bands=3, dtype="uint16")),
    Row("int16_nodata", temperatures()),
    Row("float32_nan", gaps(1, "float32")),
    Row("float64_nan", gaps(4, "float64")),
    Row("nodata", with_hole(earth(metadata={"nodata": "255.0"}), 255, slice(0, 20), slice(0, 17))),
    Row("all_nodata", Scene(np.full((3, 20, 30), 7, np.uint8), metadata={"nodata": "7.0"})),
    Row("nodata_per_band", per_band()),
    Row("georeferenced", georeferenced()),
    Row("gcps", with_points()),
    Row("rpcs", with_rpcs()),
    Row("alpha", with_alpha()),
    Row("alpha_alone", alpha_alone()),
    Row("dataset_mask", masked()),
    Row("many_tiles", mosaic(), 4.0, 64),
    Row("quality_1", earth(64, 48), 1.0),
    Row("quality_8", earth(64, 48), 8.0),
    Row("quality_between", earth(64, 48), 5.59375),
    Row("constant", Scene(np.full((3, 40, 50), 99, np.uint8))),
    Row("constant_float", Scene(np.full((1, 17, 16), -0.125, np.float32))),
    Row("escapes", noise(), 8.0),
    Row("rotated", earth(64, 64), 3.0),
    Row("rotated_two_bands", earth(bands=2), 5.0),
    Row("components_alone", earth(64, 48, 7, "uint16"), 8.0),
    Row("bands_alone", earth(64, 48), 8.0),
    Row("flat_groups", half_flat(), 2.0, 64),
    Row("bound_2", earth(64, 64), 3.0, max_error=2),
    Row("bound_0", earth(53, 37), 3.0, max_error=0),
    Row("bound_uint16", earth(64, 48, 5, "uint16"), max_error=5),
    Row("bound_int16_nodata", temperatures(), max_error=20),
    Row("bound_float32_nan", gaps(1, "float32"), max_error=1.5),
    Row("bound_float64_nan", gaps(2, "float64"), max_error=0.1),
    Row("bound_alpha", with_alpha(), max_error=1),
    Row("bound_nodata_between", straddling(), max_error=3),
    Row("bound_tiles", mosaic(), 4.0, 64, max_error=8),
    Row("bound_wide", earth(64, 48), max_error=200),
    Row("balance", earth(64, 48, 5, "uint16"), balance=True),
    Row("balance_rgb", earth(53, 37), balance=True),
    Row("balance_float64_nan", gaps(4, "float64"), balance=True),
    Row("balance_bound", earth(64, 48, 4, "uint16"), max_error=9, balance=True),
    Row("integer_2", earth(64, 48), 3.0),
    Row("integer_2_planes", mosaic(), 4.0, 64),
    Row("integer_2_bound", mosaic(), 4.0, 64, max_error=8),
    Row("integer_2_bound_wide", mosaic(), 4.0, 64, max_error=200),
    Row("integer_2_bound_float32", gaps(2, "float32"), max_error=2000),
)
