"""Training crops from a shard: a zip of 8-bit images, decoded once, kept in memory, cropped in a background thread.

Each image is kept at full resolution and once more downscaled by a random factor between 1 and 2; DOWNSCALED is the
share of crops that come from the second pool. A tenth of the crops get their channels shuffled or one of them
replicated, and their contrast changed, so that other band triplets, single bands and other radiometry work too.
"""

from __future__ import annotations

import io
import queue
import threading
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

DOWNSCALED = 0.6
VARIED = 0.1


def load_shard(path: str | Path, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(full resolution, downscaled) images of a shard, each (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    full, small = [], []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if not name.lower().endswith((".png", ".jpg", ".webp")):
                continue
            image = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
            full.append(np.asarray(image))
            factor = rng.uniform(1, 2)
            size = [max(1, round(edge / factor)) for edge in image.size]
            small.append(np.asarray(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)))
    return full, small


class Crops:
    """Batches (B, 3, size, size) uint8, each a function of seed and step, so that a resumed run sees the same."""

    def __init__(self, pools: tuple[list[np.ndarray], list[np.ndarray]], batch: int, size: int, seed: int):
        self.pools = [[image for image in pool if min(image.shape[:2]) >= size] for pool in pools]
        self.shares = [1 - DOWNSCALED, DOWNSCALED] if all(self.pools) else [float(bool(pool)) for pool in self.pools]
        if not any(self.pools):
            raise ValueError(f"no image of the shard is as large as a crop of {size} pixels")
        self.batch, self.size, self.seed = batch, size, seed

    def at(self, step: int) -> torch.Tensor:
        """The batch of one step: a function of seed and step alone."""
        rng = np.random.default_rng((self.seed, step))
        return torch.from_numpy(np.stack([self._crop(rng) for _ in range(self.batch)]))

    def _crop(self, rng: np.random.Generator) -> np.ndarray:
        pool = self.pools[rng.choice(2, p=self.shares)]
        image = pool[rng.integers(len(pool))]
        row, col = (int(rng.integers(edge - self.size + 1)) for edge in image.shape[:2])
        crop = np.rot90(image[row : row + self.size, col : col + self.size], rng.integers(4))
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        if rng.random() < VARIED:
            crop = _vary(crop, rng)
        return np.ascontiguousarray(crop.transpose(2, 0, 1))

    def stream(self, first: int, last: int, depth: int = 4):
        """Batches first..last-1, made ahead by a thread."""
        ready: queue.Queue = queue.Queue(depth)

        def fill():
            for step in range(first, last):
                ready.put(self.at(step))
            ready.put(None)

        threading.Thread(target=fill, daemon=True).start()
        while (batch := ready.get()) is not None:
            yield batch


def _vary(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    kind = rng.integers(3)
    if kind == 0:
        return crop[..., rng.permutation(3)]
    if kind == 1:
        return np.repeat(crop[..., rng.integers(3), None], 3, axis=2)
    contrast, brightness = np.exp(rng.uniform(-1.5, 0.7)), rng.uniform(-60, 60)
    return np.clip(np.rint((crop.astype(np.float32) - 128) * contrast + 128 + brightness), 0, 255).astype(np.uint8)
