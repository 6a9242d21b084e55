"""Training crops from a shard, a zip of 8-bit images, which are decoded once and kept in memory. A thread cuts crops.

Each image is kept twice: at full resolution, and downscaled by a random factor between 1 and 2. DOWNSCALED is the share
of crops from the second pool. The share is lower if many of its images are smaller than a crop.

The encoder gives the network bands or their spectral transform (`rscodec.stream.radiometry`). So a crop is shown in one
of these ways:
    NATIVE      red, green, blue
    ROTATED     the components of its image: the strongest as luminance, the others as colour differences
    otherwise   one of the components alone, as luminance
In a tenth of the crops, the bands are shuffled, one band is replicated, or brightness and contrast are changed. So
other band triplets, single bands and other radiometry work, too. All of this is affine in a pixel's bands. A batch
contains the pixels and one (3, 4) matrix for each crop, and `shown` applies the matrix on the device.
"""

from __future__ import annotations

import io
import queue
import threading
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from rscodec.bitstreams.errors import InputError
from rscodec.stream.radiometry import GREY_ROTATION

DOWNSCALED = 0.3
NATIVE, ROTATED = 0.4, 0.4
ALONE = 0.5, 0.3, 0.2  # how often the first, second and third component is shown alone
VARIED = 0.1
HELD_OUT = 35  # about one in this many grounds is not used for training


class Pools(NamedTuple):
    """Images (H, W, 3) uint8 from which crops are cut."""

    full: list[np.ndarray]
    downscaled: list[np.ndarray]


def load_shard(path: str | Path, seed: int = 0) -> tuple[Pools, Pools]:
    """Return (images for training, held-out images) of a shard. Pictures of one ground share a folder of the shard, and
    are never on both sides. The name of a ground decides its side, so it is on the same side in every shard. A shard
    without a held-out ground by this rule holds out one.
    """
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith((".png", ".jpg", ".webp")))
    hashes = {ground: zlib.crc32(ground.encode()) for ground in map(_ground, names)}
    limit = max(2**32 // HELD_OUT, 1 + min(hashes.values(), default=0))
    sides = ([name for name in names if (hashes[_ground(name)] < limit) is apart] for apart in (False, True))
    return tuple(_load(path, side, seed) for side in sides)


def _ground(name: str) -> str:
    return name.split("/")[0]


def _load(path: str | Path, names: list[str], seed: int) -> Pools:
    rng = np.random.default_rng(seed)
    full, small = [], []
    with zipfile.ZipFile(path) as archive:
        for name in names:
            image = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
            full.append(np.asarray(image))
            factor = rng.uniform(1, 2)
            size = [max(1, round(edge / factor)) for edge in image.size]
            small.append(np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)))
    return Pools(full, small)


@dataclass
class Batch:
    """Pixels (B, 3, size, size) uint8, and how each crop is shown, (B, 3, 4)."""

    pixels: torch.Tensor
    view: torch.Tensor

    def shown(self, device: str = "cpu") -> torch.Tensor:
        """Return what the network sees, (B, 3, size, size) float32, mostly in 0..1."""
        pixels, view = (part.to(device, non_blocking=True).float() for part in (self.pixels, self.view))
        seen = torch.einsum("bij,bjhw->bihw", view[..., :3], pixels) + view[..., 3, None, None]
        return (seen / 255).contiguous(memory_format=torch.channels_last)


class Crops:
    """Batches. Each depends only on seed and step, so that a resumed run sees the same batches."""

    def __init__(self, pools: Pools, batch: int, size: int, seed: int):
        self.pools = [[image for image in pool if min(image.shape[:2]) >= size] for pool in pools]
        if not any(self.pools):
            raise InputError(f"no image of the shard is as large as a crop of {size} pixels")
        weights = (1 - DOWNSCALED) * len(self.pools[0]), DOWNSCALED * len(self.pools[1])
        self.shares = [weight / sum(weights) for weight in weights]
        self.components = [[_components(image) for image in pool] for pool in self.pools]
        self.batch, self.size, self.seed = batch, size, seed

    def at(self, step: int) -> Batch:
        """Return the batch of one step, which depends only on seed and step."""
        rng = np.random.default_rng((self.seed, step))
        crops, views = zip(*(self._crop(rng) for _ in range(self.batch)), strict=True)
        return Batch(torch.from_numpy(np.stack(crops)), torch.from_numpy(np.stack(views).astype(np.float32)))

    def _crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        pool = rng.choice(2, p=self.shares)
        number = rng.integers(len(self.pools[pool]))
        image = self.pools[pool][number]
        row, col = (int(rng.integers(edge - self.size + 1)) for edge in image.shape[:2])
        crop = np.rot90(image[row : row + self.size, col : col + self.size], rng.integers(4))
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        return np.ascontiguousarray(crop.transpose(2, 0, 1)), _view(rng, *self.components[pool][number])

    def stream(self, first: int, last: int, depth: int = 4):
        """Yield batches first..last-1, which a thread makes ahead."""
        ready: queue.Queue = queue.Queue(depth)

        def fill():
            try:
                for step in range(first, last):
                    ready.put(self.at(step))
                ready.put(None)
            except Exception as problem:
                ready.put(problem)

        threading.Thread(target=fill, daemon=True).start()
        while (batch := ready.get()) is not None:
            if isinstance(batch, Exception):
                raise batch
            yield batch


def _components(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (mean of the bands, principal components as rows, by falling variance) of an image."""
    pixels = image[::4, ::4].reshape(-1, 3).astype(np.float64)
    mean = pixels.mean(0)
    _, vectors = np.linalg.eigh((pixels - mean).T @ (pixels - mean))
    rows = vectors.T[::-1]
    return mean, rows * np.where(rows.sum(1, keepdims=True) < 0, -1, 1)


def _view(rng: np.random.Generator, mean: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return how to show a crop of an image with these components: (3, 4), linear part and offset."""
    kind, varied = rng.random(), rng.random() < VARIED
    if kind < NATIVE:
        centre, matrix = np.full(3, 127.5), np.eye(3)
    elif kind < NATIVE + ROTATED:
        centre, matrix = mean, GREY_ROTATION.T @ rows
    else:
        centre, matrix = mean, np.outer(GREY_ROTATION[0], rows[rng.choice(3, p=ALONE)])
    brightness = 0.0
    if varied:
        change = rng.integers(3)
        if change == 0:
            matrix = matrix[:, rng.permutation(3)]
        elif change == 1:
            matrix = np.repeat(matrix[rng.integers(3), None], 3, axis=0)
        else:
            matrix, brightness = matrix * np.exp(rng.uniform(-1.5, 0.7)), rng.uniform(-60, 60)
    return np.column_stack([matrix, 127.5 + brightness - matrix @ centre])
