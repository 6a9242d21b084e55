"""Features of pictures for the Fréchet distance, in files beside a table, so that a resumed measurement has them all.

OUT/features/HASH OF THE PICTURE'S KEY.npy: float16 (crops, channels)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.metrics.frechet import features, frechet_distance


class Features:
    """`folder`: that of the results. A key names a picture: the key of its row, or a shorter one for an original."""

    def __init__(self, folder: Path):
        self._folder = folder / "features"

    def add(self, key: tuple, picture: np.ndarray) -> None:
        """Write the features of a uint8 RGB picture (3, H, W), unless they are there."""
        path = self._path(key)
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            with AtomicPath(path, overwrite=True) as target, open(target, "wb") as file:
                np.save(file, features(picture).astype(np.float16))

    def distance(self, originals: Iterable[tuple], others: Iterable[tuple]) -> dict[str, float | int | None]:
        """Return the Fréchet distance between the pictures with these keys, and the number of crops of each side. Both
        are None unless the two sides have features of equally many pictures.
        """
        sides = [[path for key in keys if (path := self._path(key)).exists()] for keys in (originals, others)]
        if not all(sides) or len(sides[0]) != len(sides[1]):
            return {"frechet_alexnet": None, "frechet_crops": None}
        first, second = (np.concatenate([np.load(path) for path in side]) for side in sides)
        return {"frechet_alexnet": frechet_distance(first, second), "frechet_crops": len(first)}

    def _path(self, key: tuple) -> Path:
        return self._folder / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}.npy"
