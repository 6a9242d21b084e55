"""Spatial blocks for cross-validation. Neighbouring pixels are alike, so no model is judged on a block that it has
seen.
"""

from __future__ import annotations

import numpy as np


def block_folds(mask: np.ndarray, edge: int, count: int, seed: int = 0) -> np.ndarray:
    """The fold 0 ... count - 1 of each pixel (h,w), -1 where `mask` is False. Square blocks of `edge` pixels are taken
    in random order and go to the fold with the fewest pixels so far, so that folds have about the same size.
    """
    rows, columns = np.indices(mask.shape) // edge
    blocks = rows * (columns.max() + 1) + columns
    sizes = np.bincount(blocks[mask], minlength=blocks.max() + 1)
    fold_of, load = np.zeros(len(sizes), int), np.zeros(count, int)
    for block in np.random.default_rng(seed).permutation(np.flatnonzero(sizes)):
        fold_of[block] = load.argmin()
        load[fold_of[block]] += sizes[block]
    return np.where(mask, fold_of[blocks], -1)
