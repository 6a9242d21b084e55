"""Areas far brighter or darker than the rest of a scene: nothing is clipped at the highest quality for the scene."""

from __future__ import annotations

import numpy as np
import pytest

import rscodec
from rscodec.bitstreams.limits import QUALITY_MAX
from rscodec.codec.coder import SYMBOL_LIMIT
from rscodec.codec.portable import PortableCodec
from rscodec.concurrency.executors import LocalExecutor
from rscodec.models.weights import codec_for_encoding
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.stream.encoder import SceneEncoder
from rscodec.stream.reach import FEWEST, ExtremeBlocks
from rscodec.synthetic.sample import synthesize

EDGE = 448
# type, bands, balance, and the value of a disc on 0.07 % of a scene of 100 +- 10
OUTLIERS = [
    ("uint16", 1, False, 9000),
    ("uint16", 4, False, 9000),
    ("uint16", 10, False, 65000),
    ("int16", 3, False, -9000),
    ("float32", 4, False, 1e6),
    ("float32", 10, False, 3e38),
    ("float64", 1, False, 1e9),
    ("uint8", 3, True, 255),
    ("uint8", 16, False, 255),
]


def with_disc(dtype: str, bands: int, value: float) -> tuple[Scene, np.ndarray]:
    """A scene with a disc of one value, and where the disc is."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:EDGE, :EDGE]
    waves = 100 + 10 * np.sin(rows / 17) * np.cos(cols / 23)
    pixels = np.stack([waves + rng.normal(0, 2, waves.shape) for _ in range(bands)])
    disc = (rows - 200) ** 2 + (cols - 152) ** 2 < 7**2
    pixels[:, disc] = value
    return Scene(pixels.round().astype(dtype)), disc


def highest(scene: Scene, **options) -> float:
    return SceneEncoder(SceneSource(scene), codec_for_encoding("s", None, "cpu"), **options).highest


@pytest.fixture
def largest(monkeypatch) -> list[int]:
    """The largest symbols that are written from now on."""
    found = []

    def symbols(self, *args):
        coded, latents = original(self, *args)
        found.extend(int(np.abs(written).max(initial=0)) for written, _ in coded)
        return coded, latents

    original = PortableCodec.symbols
    monkeypatch.setattr(PortableCodec, "symbols", symbols)
    return found


@pytest.mark.parametrize("dtype, bands, balance, value", OUTLIERS)
def test_a_disc_keeps_its_value_at_every_quality(largest, dtype, bands, balance, value):
    scene, disc = with_disc(dtype, bands, value)
    decoded = rscodec.decode(rscodec.encode(scene, 8, model="s", balance=balance)).pixels
    assert max(largest) < SYMBOL_LIMIT
    assert decoded[:, disc].mean(1, dtype=np.float64) == pytest.approx(value, rel=0.02)


@pytest.mark.parametrize("bands, cloud", [(4, 19000), (8, 19500)])
def test_a_cloud_that_is_the_extreme_of_no_band_keeps_its_value(largest, bands, cloud):
    pixels = np.random.default_rng(0).normal(1000, 100, (bands, EDGE, EDGE))
    pixels[:, :16, :16] = cloud
    for band in range(bands):
        pixels[band, 32 : 32 + 16, 32 * band : 32 * band + 16] = 20000
    decoded = rscodec.decode(rscodec.encode(pixels.astype(np.uint16), 8, model="s")).pixels
    assert max(largest) < SYMBOL_LIMIT and decoded[:, :16, :16].mean() == pytest.approx(cloud, rel=0.02)


def test_the_report_and_workers_know_the_highest_quality(tmp_path):
    scene, _ = with_disc("uint16", 4, 9000)
    scene.save(tmp_path / "a.tif")
    options = {"quality": 8, "model": "s", "tile": 128}
    report = rscodec.encode_file(tmp_path / "a.tif", tmp_path / "a.bin", **options)
    assert 5 < report.quality == report.highest < 7
    rscodec.encode_file(tmp_path / "a.tif", tmp_path / "b.bin", **options, executor=LocalExecutor())
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()
    bounded = rscodec.encode_file(tmp_path / "a.tif", tmp_path / "c.bin", quality=8, max_error=20, model="s")
    assert bounded.quality == bounded.highest == QUALITY_MAX
    assert rscodec.verify_file(tmp_path / "c.bin", against=tmp_path / "a.tif").max_abs_error <= 20


@pytest.mark.parametrize("dtype, bands", [("uint8", 1), ("uint8", 3), ("uint8", 4), ("uint16", 1), ("float32", 4)])
def test_other_scenes_have_every_quality(dtype, bands):
    pixels, _ = synthesize((160, 144), bands, dtype)
    assert highest(Scene(pixels)) == QUALITY_MAX


def test_a_few_pixels_do_not_decide():
    """Such as those at a slanted edge of the valid pixels."""
    scene, _ = with_disc("uint16", 4, 100)
    scene.pixels[:, :16, :16] = 0
    scene.pixels[:, 0, :3] = 40000
    scene.metadata["nodata"] = "0"
    assert highest(scene) == QUALITY_MAX


def test_windows_find_the_blocks_of_the_whole():
    rng = np.random.default_rng(1)
    pixels, valid = rng.normal(0, 1, (3, 70, 90)), rng.random((3, 70, 90)) < 0.3
    whole, parts = ExtremeBlocks(3), ExtremeBlocks(3)
    whole.add(pixels, valid)
    for row in range(0, 70, 32):
        for col in range(0, 90, 48):
            part = np.s_[:, row : row + 32, col : col + 48]
            parts.add(pixels[part], valid[part])
    missing = np.full(3, 7.0)
    assert np.array_equal(whole.means(missing), parts.means(missing))
    sums, counts = np.zeros((3, 5, 6)), np.zeros((3, 5, 6))
    for band, row, col in np.argwhere(valid):
        sums[band, row // 16, col // 16] += pixels[band, row, col]
        counts[band, row // 16, col // 16] += 1
    means = np.where(counts >= FEWEST, sums / np.maximum(counts, 1), np.nan)
    found = whole.means(np.full(3, np.nan))
    for band in range(3):
        assert found[band, band] == pytest.approx(np.nanmin(means[band]))
        assert found[band, 4 + band] == pytest.approx(np.nanmax(means[band]))


def test_a_scene_without_valid_pixels_has_no_extremes():
    blocks = ExtremeBlocks(2)
    blocks.add(np.ones((2, 20, 20)), np.zeros((2, 20, 20), bool))
    assert np.array_equal(blocks.means(np.array([3.0, 4.0])), [[3] * 6, [4] * 6])
