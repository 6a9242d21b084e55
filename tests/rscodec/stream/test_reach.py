"""Areas far brighter or darker than the rest of a scene: their latents fit at every quality."""

from __future__ import annotations

import io

import numpy as np
import pytest

from rscodec.bitstreams import StreamReader
from rscodec.codec.coder import SYMBOL_LIMIT
from rscodec.codec.portable import PortableCodec
from rscodec.models.weights import codec_for_encoding
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import SceneEncoder
from rscodec.stream.reach import ExtremeBlocks
from rscodec.synthetic.sample import synthesize

EDGE = 448
# type, bands, balance, and the value of a disc on 0.07 % of a scene of 100 +- 10, a thousandfold for floats
OUTLIERS = [
    ("uint16", 1, False, 9000),
    ("uint16", 4, False, 9000),
    ("uint16", 10, False, 65000),
    ("int16", 3, False, -9000),
    ("float32", 4, False, 1e6),
    ("float64", 1, False, 1e9),
    ("uint8", 3, True, 255),
    ("uint8", 16, False, 255),
]


@pytest.fixture(scope="module")
def shipped() -> PortableCodec:
    return codec_for_encoding("s", None, "cpu")


def with_disc(dtype: str, bands: int, value: float) -> tuple[Scene, np.ndarray]:
    """A scene with a disc of one value, and where the disc is."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:EDGE, :EDGE]
    waves = 100 + 10 * np.sin(rows / 17) * np.cos(cols / 23)
    pixels = np.stack([waves + rng.normal(0, 2, waves.shape) for _ in range(bands)])
    disc = (rows - 200) ** 2 + (cols - 152) ** 2 < 7**2
    pixels[:, disc] = value
    return Scene(pixels.round().astype(dtype)), disc


def stream_of(scene: Scene, codec: PortableCodec, quality: float, **options) -> tuple[SceneEncoder, np.ndarray]:
    encoder, target = SceneEncoder(SceneSource(scene), codec, **options), io.BytesIO()
    encoder.write(target, quality)
    decoder = SceneDecoder(StreamReader.from_bytes(target.getvalue()), codec)
    return encoder, decoder.read(decoder.grid.scene)[0]


@pytest.mark.parametrize("quality", [6, 8])
@pytest.mark.parametrize("dtype, bands, balance, value", OUTLIERS)
def test_a_disc_keeps_its_value(shipped, monkeypatch, dtype, bands, balance, value, quality):
    scene, disc = with_disc(dtype, bands, value)
    largest = []

    def symbols(self, *args):
        coded, latents = original(self, *args)
        largest.extend(int(np.abs(written).max(initial=0)) for written, _ in coded)
        return coded, latents

    original = PortableCodec.symbols
    monkeypatch.setattr(PortableCodec, "symbols", symbols)
    _, decoded = stream_of(scene, shipped, quality, balance=balance)
    assert max(largest) < SYMBOL_LIMIT
    assert decoded[:, disc].astype(float).mean((1,)) == pytest.approx(value, rel=0.02)


def test_the_error_of_the_rest_stops_falling(shipped):
    scene, disc = with_disc("uint16", 4, 9000)
    errors, coarser = [], []
    for quality in (4, 7, 8):
        encoder, decoded = stream_of(scene, shipped, quality)
        errors.append(np.sqrt(np.square(decoded[:, ~disc] - scene.pixels[:, ~disc].astype(float)).mean()))
        coarser.append(encoder.coarser_at(quality))
    assert coarser[0] == 1 and 1 < coarser[1] < coarser[2]
    assert errors[1] < errors[0] and errors[2] == pytest.approx(errors[1], rel=0.1)


@pytest.mark.parametrize("dtype, bands", [("uint8", 3), ("uint8", 4), ("uint16", 1), ("float32", 4), ("uint16", 8)])
def test_other_scenes_are_as_fine_as_ever(shipped, dtype, bands):
    pixels, _ = synthesize((160, 144), bands, dtype)
    encoder = SceneEncoder(SceneSource(Scene(pixels)), shipped)
    assert {encoder.coarser_at(quality) for quality in (1, 4.5, 8)} == {1}


def test_a_bound_needs_no_larger_scale(shipped):
    scene, _ = with_disc("float32", 4, 9000)
    encoder, decoded = stream_of(scene, shipped, 8, max_error=0.5)
    assert encoder.coarser_at(8) == 1
    assert np.abs(decoded.astype(float) - scene.pixels).max() <= 0.5


def test_windows_find_the_blocks_of_the_whole():
    rng = np.random.default_rng(1)
    pixels, valid = rng.normal(0, 1, (3, 70, 90)), rng.random((3, 70, 90)) < 0.01
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
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    found = whole.means(np.full(3, np.nan))
    for band in range(3):
        assert found[band, band] == pytest.approx(np.nanmin(means[band]))
        assert found[band, 3 + band] == pytest.approx(np.nanmax(means[band]))


def test_a_scene_without_valid_pixels_has_no_extremes():
    blocks = ExtremeBlocks(2)
    blocks.add(np.ones((2, 20, 20)), np.zeros((2, 20, 20), bool))
    assert np.array_equal(blocks.means(np.array([3.0, 4.0])), [[3] * 4, [4] * 4])
