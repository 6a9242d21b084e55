"""Knowledge distillation by PCA: how few channels a layer needs, and a small network that learns to give them.

    eigenbasis      mean of (F - mean)(F - mean)^T over mini-batches; its eigenvectors U, largest first          8 - 10
    explained       of each batch: variance along the first i eigenvectors / along all of them; their mean      14, 15
    channels_for    the smallest i that explains 85 %
    Student         layer by layer: conv, ReLU, then a readout D back to all channels; |D s - F|^2 is learnt    11 - 13

F are the features of a layer at all pixels. Equation 9 prints max; |F - U U^T F|^2 over orthonormal U is a minimum, and
U are the first eigenvectors, which is what is done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn as nn

from rscodec.carbon.vgg import Vgg

SHARE = 0.85
SMALL = 0.1  # so that a student begins near the mean: large errors would only kill its units


@dataclass(frozen=True)
class Basis:
    """mean (C,), eigenvectors as columns (C,C), both float64; the largest variance comes first."""

    mean: torch.Tensor
    vectors: torch.Tensor


def eigenbasis(batches: Iterable[torch.Tensor]) -> Basis:
    """Of the features (B,C,h,w) of one layer, batch by batch."""
    count, sums, products = 0, 0.0, 0.0
    for batch in batches:
        rows = _rows(batch)
        count, sums, products = count + len(rows), sums + rows.sum(0), products + rows.T @ rows
    mean = sums / count
    _, vectors = torch.linalg.eigh(products / count - torch.outer(mean, mean))
    return Basis(mean, vectors.flip(1))


def explained(basis: Basis, batches: Iterable[torch.Tensor]) -> torch.Tensor:
    """(C,): mean over batches of the share of the variance that the first 1 ... C eigenvectors hold."""
    shares = []
    for batch in batches:
        variance = ((_rows(batch) - basis.mean) @ basis.vectors).square().mean(0)
        shares.append(variance.cumsum(0) / variance.sum())
    return torch.stack(shares).mean(0)


def channels_for(explained: torch.Tensor, share: float = SHARE) -> int:
    return int((explained < share).sum()) + 1


class Student(nn.Module):
    """A VGG with fewer channels, and readouts that say what its teacher would have said.

    `bases`: by stage and layer, of the teacher; a layer has as many channels as `widths` says.
    """

    def __init__(self, bands: int, widths: Sequence[Sequence[int]], bases: Sequence[Sequence[Basis]]):
        super().__init__()
        self.vgg = Vgg(bands, widths)
        self.readouts = nn.ModuleList(
            nn.ModuleList(_readout(basis, channels) for basis, channels in zip(stage, counts, strict=True))
            for stage, counts in zip(bases, widths, strict=True)
        )

    def block(self, stage: int, layer: int) -> list[nn.Parameter]:
        """The parameters that are trained while that layer is learnt."""
        return [*self.vgg.stages[stage][layer].parameters(), *self.readouts[stage][layer].parameters()]

    def loss(self, x: torch.Tensor, teacher: torch.Tensor, stage: int, layer: int) -> torch.Tensor:
        """Squared distance to the teacher's features of that layer, relative to their variance."""
        said = self.readouts[stage][layer](self.vgg.layers(x)[stage][layer])
        return (said - teacher).square().mean() / teacher.var((0, 2, 3)).mean()


def parameters_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _readout(basis: Basis, channels: int) -> nn.Conv2d:
    """Begins as the first eigenvectors around the mean."""
    readout = nn.Conv2d(channels, len(basis.mean), 1)
    with torch.no_grad():
        readout.weight.copy_(SMALL * basis.vectors[:, :channels, None, None])
        readout.bias.copy_(basis.mean)
    return readout


def _rows(features: torch.Tensor) -> torch.Tensor:
    return features.detach().double().permute(0, 2, 3, 1).flatten(0, 2)
