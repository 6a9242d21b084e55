"""Resamples feature maps to other sizes and coordinates, with the taps of rscodec/raster/resample.py as matrices.

    x (B, C, H, W) --rows (h, H) from the left, cols (W, w) from the right--> (B, C, h, w)

Matrix products run near the peak speed of a CPU, forward and backward, and need no special cases for coordinates.
Training and inference share the stored matrices, so they are never tensors of inference mode, which have no gradient.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from rscodec.raster.resample import Kernel, Taps, centres, cubic, linear


def resize(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize by bicubic interpolation, without aliasing when shrinking."""
    rows, cols = _sizes(x.shape[2], height, x.device), _sizes(x.shape[3], width, x.device)
    return rows @ x @ cols.t()


def sample(x: torch.Tensor, rows: np.ndarray, cols: np.ndarray) -> torch.Tensor:
    """Sample by bilinear interpolation at coordinates."""
    left = _at(rows.tobytes(), x.shape[2], linear, 1.0, x.device)
    right = _at(cols.tobytes(), x.shape[3], linear, 1.0, x.device)
    return left @ x @ right.t()


@lru_cache(maxsize=1024)
def _sizes(length: int, target: int, device: torch.device) -> torch.Tensor:
    coordinates = centres(0, target, length, target)
    return _at(coordinates.tobytes(), length, cubic, max(1.0, length / target), device)


@lru_cache(maxsize=256)
def _at(coordinates: bytes, length: int, kernel: Kernel, stretch: float, device: torch.device) -> torch.Tensor:
    taps = Taps.at(np.frombuffer(coordinates), length, kernel, stretch)
    with torch.inference_mode(False):
        return torch.from_numpy(taps.matrix(length)).to(device)
