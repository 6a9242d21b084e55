"""Finds the wavelet grid of JPEG2000 in pixels. The image may be a crop, so the grid can begin anywhere.

luminance --9/7 along rows, columns--> |detail| at even and at odd positions: coefficients were rounded to zero
    ^                |                  where it is smaller
    +---- low -------+                 three times: the start of the grid, modulo 8
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

LEVELS = 3
UNIT = 2**LEVELS
LEAST = 16 * UNIT  # a shorter edge has too few pixels for the estimate
SURE = 0.9  # a level begins at 1 only if the detail at even positions is below this share of that at odd ones
LOW = (0.0267488, -0.0168641, -0.0782233, 0.2668641, 0.6029490, 0.2668641, -0.0782233, -0.0168641, 0.0267488)
HIGH = (0.0912718, -0.0575435, -0.5912718, 1.1150871, -0.5912718, -0.0575435, 0.0912718)


def wavelet_origin(grey: np.ndarray) -> tuple[int, int]:
    """The first row and column, 0 to 7, of grey pixels (H, W) that hold low-pass samples of all three levels."""
    found = [0, 0]
    if min(grey.shape) < LEAST:
        return 0, 0
    low = torch.from_numpy(np.ascontiguousarray(grey, np.float32))
    for level in range(LEVELS):
        for axis in (0, 1):
            detail = _filtered(low, HIGH, axis).abs().movedim(axis, 0)
            begin = int(detail[0::2].mean() < SURE * detail[1::2].mean())
            found[axis] += begin << level
            low = _filtered(low, LOW, axis).movedim(axis, 0)[begin::2].movedim(0, axis)
    return found[0], found[1]


def _filtered(x: torch.Tensor, taps: tuple[float, ...], axis: int) -> torch.Tensor:
    reach, along = len(taps) // 2, x.movedim(axis, 1)[:, None]
    padded = F.pad(along, (reach, reach), mode="reflect")
    return F.conv1d(padded, torch.tensor(taps)[None, None])[:, 0].movedim(1, axis)
