"""Pairs are what files would decode to, and the same for a seed."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from rscodec.bitstreams import StreamReader
from rscodec.generative.blending import ALIGN
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import SceneEncoder
from rscodec.synthetic.sample import synthesize
from rscodec.training import pairs
from rscodec.training.data import Crops
from rscodec.training.pairs import CodecPairs, Jpeg2000Crops, through_jpeg2000
from tests.helpers import models


@pytest.fixture(scope="module")
def crops() -> Crops:
    image = np.ascontiguousarray(synthesize(96)[0].transpose(1, 2, 0))
    return Crops(([image], []), batch=3, size=32, seed=4)


@pytest.mark.parametrize("quality", [5, 8])
def test_decoded_crops_are_what_a_file_decodes_to(crops, tiny, quality):
    pixels = crops.at(0).pixels[:1]
    found = CodecPairs(models.build(), crops, "cpu").at(pixels, torch.tensor([float(quality)]))
    buffer = io.BytesIO()
    SceneEncoder(SceneSource(Scene(pixels[0].numpy())), tiny).write(buffer, quality)
    decoded, _ = SceneDecoder(StreamReader.from_bytes(buffer.getvalue()), tiny).read(Window(0, 0, 32, 32))
    error, wanted = (
        np.abs(a.astype(float) - pixels[0].numpy()).mean() for a in (255 * found.decoded[0].numpy(), decoded)
    )
    assert error == pytest.approx(wanted, rel=0.1)  # the file's analysis is in bfloat16: what is rounded up may differ


def test_pairs_are_a_function_of_seed_and_step(crops):
    source = CodecPairs(models.build(), crops, "cpu")
    one, again, other = (source.pair(crops.at(step), step) for step in (7, 7, 8))
    assert torch.equal(one.decoded, again.decoded) and torch.equal(one.quality, again.quality)
    assert not torch.equal(one.quality, other.quality)
    assert one.decoded.shape == one.original.shape == (3, 3, 32, 32) and not one.decoded.requires_grad
    levels = 255 * one.decoded
    assert torch.allclose(levels, levels.round(), atol=1e-3) and 0 <= one.decoded.min() <= one.decoded.max() <= 1


def test_fewer_bits_of_jpeg2000_are_worse():
    pixels = synthesize(64)[0]
    errors = [np.abs(through_jpeg2000(pixels, rate).astype(int) - pixels).mean() for rate in (0.2, 1, 4)]
    assert errors[0] > 1.3 * errors[1] > 1.3 * 1.3 * errors[2] > 0


def test_processes_make_the_same_pairs_of_jpeg2000(crops):
    alone, together = (list(Jpeg2000Crops(crops, 32, "cpu", workers).stream(3, 7)) for workers in (0, 1))
    assert [batch.shape for batch in alone] == [(2, 3, 3, 32, 32)] * 4
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    pair = Jpeg2000Crops(crops, 32, "cpu", 0).pair(alone[0], 3)
    assert torch.equal((255 * pair.original).round().byte(), crops.at(3).pixels) and pair.quality is None


def test_windows_are_cut_from_the_same_place_of_crops_and_of_what_jpeg2000_made_of_them(crops, monkeypatch):
    monkeypatch.setattr(pairs, "through_jpeg2000", lambda pixels, rate: 255 - pixels)
    originals, decoded = next(Jpeg2000Crops(crops, 16, "cpu", 0).stream(3, 4))
    assert torch.equal(decoded, 255 - originals)
    for original, crop in zip(originals, crops.at(3).pixels, strict=True):
        assert (crop.unfold(1, 16, 1).unfold(2, 16, 1) == original[:, None, None]).all(0).all((-1, -2)).any()


def test_windows_of_jpeg2000_begin_where_those_of_an_enhancer_may(monkeypatch):
    monkeypatch.setattr(pairs, "through_jpeg2000", lambda pixels, rate: pixels)
    rows, cols = np.mgrid[:96, :96].astype(np.uint8)
    places = Crops(([np.stack([rows, cols, cols], -1)], []), batch=16, size=96, seed=5)
    monkeypatch.setattr(places, "_crop", lambda rng: (np.stack([rows, cols, cols]), np.zeros((3, 4))))
    originals, _ = next(Jpeg2000Crops(places, 32, "cpu", 0).stream(0, 1))
    corners = originals[:, :2, 0, 0]
    assert {int(corner) for corner in corners.flatten()} == set(range(0, 64 + 1, ALIGN))
