"""Estimates from pixels how strongly they were compressed.

At a low rate, a wavelet codec removes all detail at the finest scales and some at the next ones. The remaining detail
is measured at three scales, by a filter that gives 0 for parabolas and anything smoother:

    grey --[-1 3 -3 1] along rows and columns--> mean |.| --log2--> detail at scale 1 --halve--> 2 --halve--> 4
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

SCALES = 3
FLOOR = 2.0**-6  # in 8-bit levels: far below the detail that rounding to 8 bits adds


def remaining_detail(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels (B, 3, H, W) of about 0..1 -> (B, SCALES), about -1..1."""
    line = torch.tensor([-1.0, 3.0, -3.0, 1.0], device=pixels.device) / 8
    kernel = torch.outer(line, line)[None, None]
    grey, found = 255 * pixels.float().mean(1, keepdim=True), []
    for _ in range(SCALES):
        detail = F.conv2d(grey, kernel).abs().mean((1, 2, 3))
        found.append((detail + FLOOR).log2() / 6)
        grey = F.avg_pool2d(grey, 2)
    return torch.stack(found, 1)
