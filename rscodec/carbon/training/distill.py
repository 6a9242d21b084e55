"""Distils a large network into a small one: the VGG of IIDM, and its U-Net.

    teacher --Moments--> bases --explained--> channels of each layer
                                                  |
    teacher's features <--readout-- student, trained block by block from the first to the last

The source VGG is trained before, on tiles of remote-sensing imagery: it predicts the other bands from four bands. That
requires features of soil, water and vegetation, and no labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.carbon.base import Loss
from rscodec.carbon.training.pca_student import Basis, Features, Moments, Student, channels_for
from rscodec.carbon.vgg import Vgg

SEEN = (1, 2, 3, 7)  # blue, green, red, near infrared among Sentinel-2's bands
BEGUN = 6  # batches that initialise a block; also the number of last losses that its report averages


@dataclass(frozen=True)
class Analysis:
    """For each layer of a teacher: its basis, its channels, and how many channels explain 85 %."""

    bases: list[Basis]
    all: list[int]
    needed: list[int]


@torch.no_grad()
def analyse(layers: Features, batches: Callable[[], Iterable[tuple]]) -> Analysis:
    """Analyse a teacher. `batches()` must give the same inputs in every call."""
    moments: list[Moments] = []
    for inputs in batches():
        found = layers(*inputs)
        moments = moments or [Moments() for _ in found]
        for one, features in zip(moments, found, strict=True):
            one.add(features)
    bases = [one.basis() for one in moments]
    shares = [
        [basis.explained(features) for basis, features in zip(bases, layers(*inputs), strict=True)]
        for inputs in batches()
    ]
    means = [torch.stack(of_layer).mean(0) for of_layer in zip(*shares, strict=True)]
    return Analysis(bases, [len(mean) for mean in means], [channels_for(mean) for mean in means])


def blockwise(
    student: Student,
    teacher: Features,
    inputs_at: Callable[[int], tuple],
    steps: int,
    rate: float,
    log: Callable[[str], None],
) -> list[float]:
    """Train each block for `steps` steps, from the first to the last. Returns the mean of the last losses of each
    block.
    """
    left, first = [], [inputs_at(step) for step in range(BEGUN)]
    for number in range(len(student.readouts)):
        student.begin(number, first, teacher)
        optimizer, losses = torch.optim.Adam(student.block(number), rate), []
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = rate * min(1, 2 * (steps - step) / steps)
            inputs = inputs_at(BEGUN + number * steps + step)
            with torch.no_grad():
                wanted = teacher(*inputs)[number]
            loss = student.loss(inputs, wanted, number)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        left.append(float(np.mean(losses[-BEGUN:])))
        log(f"block {number + 1} of {len(student.readouts)}: {left[-1]:.4f} of the variance is left")
    return left


class Source(nn.Module):
    """A VGG, and readouts of its stages that predict the bands that it does not see. x and the
    bands are in deviations.
    """

    def __init__(self, vgg: Vgg, others: int):
        super().__init__()
        self.vgg = vgg
        self.readouts = nn.ModuleList(nn.Conv2d(stage[-1].out_channels, others, 1) for stage in vgg.stages)
        for readout in self.readouts:  # deep features are large at the start
            nn.init.zeros_(readout.weight)

    def loss(self, x: torch.Tensor, others: torch.Tensor) -> Loss:
        said = sum(
            F.interpolate(readout(f), x.shape[2:], mode="bilinear")
            for readout, f in zip(self.readouts, self.vgg(x), strict=True)
        )
        return (said - others).abs().mean(), {}


class Tiles:
    """Batches (seen, others) of patches (N,h,w,B) of Sentinel-2. Each band is scaled to mean 0 and deviation 1."""

    def __init__(self, patches: np.ndarray, batch: int, seed: int, seen: tuple[int, ...] = SEEN):
        bands = patches.astype(np.float32).transpose(0, 3, 1, 2)
        mean, spread = (part((0, 2, 3), keepdims=True) for part in (bands.mean, bands.std))
        self._bands, self._batch, self._seed = (bands - mean) / np.maximum(spread, 1e-6), batch, seed
        self._seen = list(seen)
        self._others = [band for band in range(bands.shape[1]) if band not in seen]

    @property
    def others(self) -> int:
        return len(self._others)

    def at(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng((self._seed, step))
        chosen = self._bands[rng.integers(len(self._bands), size=self._batch)]
        chosen = np.ascontiguousarray(np.rot90(chosen, rng.integers(4), (2, 3)))
        return torch.from_numpy(chosen[:, self._seen]), torch.from_numpy(chosen[:, self._others])

    def stream(self, first: int, last: int):
        return map(self.at, range(first, last))
