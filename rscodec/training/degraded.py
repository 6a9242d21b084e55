"""Training data of SlimDiffSR: crops, and the same crops after the degradation of rscodec/training/degradation.py.

Crops --degrade, x4 or x8 for each batch, processes--> small --our codec, for some of them--> SrPair
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from rscodec.training.data import Crops
from rscodec.training.degradation import degrade
from rscodec.training.pairs import CodecPairs, ahead
from rscodec.training.sr import SrPair, partly_coded
from rscodec.upsamplers.maps import resize
from rscodec.upsamplers.slimdiffsr import SCALES


class DegradedPairs:
    """Uses `workers` processes to degrade (0: this process). `codec` decodes about half of the small images."""

    def __init__(self, crops: Crops, device: str, codec: CodecPairs | None = None, workers: int = 0):
        self.crops, self.device, self._codec, self._workers = crops, device, codec, workers

    def stream(self, first: int, last: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield originals (B, 3, H, H) and small images, uint8, for each step."""
        tasks = (self.task(step, SCALES[step % len(SCALES)]) for step in range(first, last))
        return ahead(_degraded, tasks, self._workers)

    def task(self, step: int, scale: float) -> tuple[np.ndarray, float, tuple[int, int]]:
        return self.crops.at(step).pixels.numpy(), scale, (self.crops.seed, step)

    def at(self, step: int, scale: float) -> SrPair:
        """Return the batch of a step at one scale, without coding."""
        return self._pair(*_degraded(*self.task(step, scale)), None)

    def pair(self, batch: tuple[torch.Tensor, torch.Tensor], step: int) -> SrPair:
        rng = np.random.default_rng((self.crops.seed, step, 3000)) if self._codec else None
        return self._pair(*batch, rng)

    @torch.no_grad()
    def _pair(self, original: torch.Tensor, small: torch.Tensor, rng: np.random.Generator | None) -> SrPair:
        scale = original.shape[2] / small.shape[2]
        original, small = (part.to(self.device, non_blocking=True).float() for part in (original, small))
        if rng is not None:
            small = partly_coded(small, self._codec, rng)
        images = small / 255, resize(small / 255, *original.shape[2:]), original / 255
        return SrPair(*(image.contiguous(memory_format=torch.channels_last) for image in images), scale)


def _degraded(pixels: np.ndarray, scale: float, seed: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return crops (B, 3, H, H) and their degraded versions."""
    edge = round(pixels.shape[2] / scale)
    small = [degrade(crop, edge, edge, np.random.default_rng((*seed, number))) for number, crop in enumerate(pixels)]
    return torch.from_numpy(pixels), torch.from_numpy(np.stack(small))
