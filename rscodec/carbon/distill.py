"""Knowledge distillation by PCA: how few channels a layer needs, and a small network that learns to give them.

    Moments         mean of (F - mean)(F - mean)^T over mini-batches; its eigenvectors U, largest first          8 - 10
    explained       of each batch: variance along the first i eigenvectors / along all of them; their mean      14, 15
    channels_for    the smallest i that explains 85 %
    Student         block by block: the network so far, then a readout D back to all channels; |D s - F|^2      11 - 13

F are the features of a layer at all pixels. Equation 9 prints max; |F - U U^T F|^2 over orthonormal U is a minimum, and
U are the first eigenvectors, which is what is done here.

A network that is distilled has `layers(*inputs)`, the features F of each block, and `blocks()`, the modules of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn as nn

SHARE = 0.85
SMALL = 0.1  # so that a student begins near the mean: large errors would only kill its units


@dataclass(frozen=True)
class Basis:
    """mean (C,), eigenvectors as columns (C,C), both float64; the largest variance comes first."""

    mean: torch.Tensor
    vectors: torch.Tensor

    def explained(self, features: torch.Tensor) -> torch.Tensor:
        """(C,): the share of the variance of a batch (B,C,h,w) that the first 1 ... C eigenvectors hold."""
        variance = ((_rows(features) - self.mean) @ self.vectors).square().mean(0)
        return variance.cumsum(0) / variance.sum()


class Moments:
    """Of the features of one layer, batch by batch."""

    def __init__(self):
        self._count, self._sums, self._products = 0, 0.0, 0.0

    def add(self, features: torch.Tensor) -> None:
        rows = _rows(features)
        self._count, self._sums = self._count + len(rows), self._sums + rows.sum(0)
        self._products = self._products + rows.T @ rows

    def basis(self) -> Basis:
        mean = self._sums / self._count
        _, vectors = torch.linalg.eigh(self._products / self._count - torch.outer(mean, mean))
        return Basis(mean, vectors.flip(1))


def channels_for(explained: torch.Tensor, share: float = SHARE) -> int:
    return int((explained < share).sum()) + 1


class Student(nn.Module):
    """A network with fewer channels, and readouts that say what its teacher would have said. `bases`: of the teacher's
    layers."""

    def __init__(self, net: nn.Module, channels: Sequence[int], bases: Sequence[Basis]):
        super().__init__()
        self.net = net
        self.readouts = nn.ModuleList(_readout(basis, count) for basis, count in zip(bases, channels, strict=True))

    def block(self, number: int) -> list[nn.Parameter]:
        """The parameters that are trained while that layer is learnt."""
        modules = [*self.net.blocks()[number], self.readouts[number]]
        return [parameter for module in modules for parameter in module.parameters()]

    def loss(self, inputs: tuple, teacher: torch.Tensor, number: int) -> torch.Tensor:
        """Squared distance to the teacher's features of that layer, relative to their variance."""
        said = self.readouts[number](self.net.layers(*inputs)[number])
        return (said - teacher).square().mean() / teacher.var((0, 2, 3)).mean()


def parameters_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _readout(basis: Basis, channels: int) -> nn.Conv2d:
    """Begins as the first eigenvectors around the mean."""
    readout = nn.Conv2d(channels, len(basis.mean), 1)
    count = min(channels, len(basis.mean))
    with torch.no_grad():
        readout.weight.zero_()
        readout.weight[:, :count] = SMALL * basis.vectors[:, :count, None, None].float()
        readout.bias.copy_(basis.mean)
    return readout


def _rows(features: torch.Tensor) -> torch.Tensor:
    return features.detach().double().permute(0, 2, 3, 1).flatten(0, 2)
