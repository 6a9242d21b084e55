"""Training crops: which they are, and how they are shown."""

from __future__ import annotations

import io
import threading
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from rscodec.bitstreams.errors import InputError
from rscodec.stream.radiometry import GREY_ROTATION
from rscodec.training import data
from rscodec.training.data import Crops, load_shard


def test_crops_are_a_function_of_seed_and_step(shard):
    pools, _ = load_shard(shard)
    one, two = (Crops(pools, batch=3, size=48, seed=5) for _ in range(2))
    assert torch.equal(one.at(7).shown(), two.at(7).shown())
    assert not torch.equal(one.at(7).shown(), one.at(8).shown())
    assert [batch.pixels.shape for batch in one.stream(2, 5)] == [(3, 3, 48, 48)] * 3


def test_crops_larger_than_every_image_are_refused(shard):
    with pytest.raises(InputError, match="no image of the shard"):
        Crops(load_shard(shard)[0], batch=1, size=128, seed=0)


@pytest.fixture
def colourful(tmp_path):
    """Crops of one picture whose bands share a strong part and hold a weak one each."""
    rng = np.random.default_rng(2)
    pixels = 120 + 30 * rng.standard_normal((64, 64, 1)) + [3, 6, 9] * rng.standard_normal((64, 64, 3))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(buffer, "PNG")
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("one.png", buffer.getvalue())
    return Crops(load_shard(tmp_path / "one.zip")[1], batch=16, size=48, seed=0)


def shown_as(monkeypatch, crops, native, rotated):
    monkeypatch.setattr(data, "VARIED", 0.0)
    monkeypatch.setattr(data, "NATIVE", native)
    monkeypatch.setattr(data, "ROTATED", rotated)
    batch = crops.at(0)
    return batch.pixels, 255 * batch.shown()


def test_native_crops_are_their_pixels(monkeypatch, colourful):
    pixels, shown = shown_as(monkeypatch, colourful, 1, 0)
    torch.testing.assert_close(shown, pixels.float(), atol=1e-3, rtol=0)


def test_rotated_crops_have_independent_components_and_keep_their_energy(monkeypatch, colourful):
    pixels, shown = shown_as(monkeypatch, colourful, 0, 1)
    components = np.einsum("ij,bjhw->ibhw", GREY_ROTATION, shown.numpy() - 127.5).reshape(3, -1)
    correlation = np.corrcoef(components)
    assert np.abs(correlation - np.eye(3)).max() < 0.15
    spread = components.std(1)
    assert spread[0] > 4 * spread[1] > 4 * spread[2] > 0
    assert np.isclose((spread**2).sum(), pixels.double().var((0, 2, 3)).sum(), rtol=0.05)


def test_a_component_alone_is_grey(monkeypatch, colourful):
    _, shown = shown_as(monkeypatch, colourful, 0, 0)
    assert (shown - shown[:, :1]).abs().max() < 1e-3


def test_variations_stay_affine(monkeypatch, colourful):
    monkeypatch.setattr(data, "VARIED", 1.0)
    batches = [colourful.at(step) for step in range(4)]
    seen = torch.cat([batch.shown() for batch in batches])
    assert torch.isfinite(seen).all() and not torch.allclose(seen[0], seen[1])


def test_a_pool_of_few_images_gives_few_crops():
    large, small = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
    tiny = np.zeros((16, 16, 3), np.uint8)
    crops = Crops(([large] * 30, [small] * 7 + [tiny] * 23), batch=8, size=32, seed=0)
    assert crops.shares == pytest.approx([0.7 * 30 / (0.7 * 30 + 0.3 * 7), 0.3 * 7 / (0.7 * 30 + 0.3 * 7)])
    bright = [bool(crop.any()) for step in range(25) for crop in crops.at(step).pixels]
    assert 0.04 < np.mean(bright) < 0.16


def sides_of(path, numbers) -> list[list[int]]:
    """Grounds, with two pictures each, on both sides of a shard of these grounds."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in numbers:
            buffer = io.BytesIO()
            Image.new("RGB", (8, 8), (number, 0, 0)).save(buffer, "PNG")
            for kind in ("colour", "infrared"):
                archive.writestr(f"ground{number}/{kind}.png", buffer.getvalue())
    return [sorted(int(image[0, 0, 0]) for image in pools.full) for pools in load_shard(path)]


def test_pictures_of_one_ground_are_on_one_side(tmp_path):
    seen, apart = sides_of(tmp_path / "shard.zip", range(250))
    assert not set(seen) & set(apart) and sorted(seen + apart) == sorted(2 * list(range(250)))
    assert 2 * 3 <= len(apart) <= 2 * 12


def test_a_ground_is_on_the_same_side_of_every_shard(tmp_path):
    seen, apart = sides_of(tmp_path / "whole.zip", range(250))
    for part in (range(0, 250, 2), range(min(apart), 250)):
        some, kept = sides_of(tmp_path / "part.zip", part)
        assert set(some) == set(seen) & set(part) and set(kept) == set(apart) & set(part)
    few = seen[::2][:5]
    learnt, held = sides_of(tmp_path / "few.zip", few)  # none of them is held out in the whole
    assert set(held) == {min(few, key=lambda number: zlib.crc32(f"ground{number}".encode()))}
    assert set(learnt) == set(few) - set(held)


def test_a_failure_to_cut_crops_ends_the_stream(shard, monkeypatch):
    crops = Crops(load_shard(shard)[0], batch=1, size=48, seed=0)
    cut = crops.at

    def at(step):
        if step == 2:
            raise MemoryError("no memory left")
        return cut(step)

    monkeypatch.setattr(crops, "at", at)
    steps, problems = [], []

    def train():
        try:
            steps.extend(crops.stream(0, 5))
        except MemoryError as problem:
            problems.append(str(problem))

    training = threading.Thread(target=train, daemon=True)
    training.start()
    training.join(10)
    assert problems == ["no memory left"] and len(steps) == 2
