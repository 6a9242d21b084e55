"""Knowledge distillation by PCA: finds how few channels a layer needs, and trains a small network to compute them.

    Moments         mean of (F - mean)(F - mean)^T over mini-batches; its eigenvectors U, largest first          8 - 10
    explained       for each batch, variance along the first i eigenvectors / along all of them; the mean        14, 15
    channels_for    the smallest i that explains 85 %
    Student         block by block: the network so far, then a readout D back to all channels; |D s - F|^2      11 - 13

D has no more columns than the student has channels, so at least about 15 % of the variance stays unexplained, as
with the first eigenvectors. What a layer loses is lost for the next.

F are the features of a layer at all pixels. Equation 9 prints max, but this code minimises: the first
eigenvectors U minimise |F - U U^T F|^2 over orthonormal U.

A network to distil needs `layers(*inputs)`, the features F of each block, and `blocks()`, the modules of each block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from rscodec.carbon.vgg import Vgg

SHARE = 0.85
RIDGE = 1e-4  # relative to the mean square of a student's channels
LIFT = 2.0  # deviations, so that ReLU cuts off almost nothing at first
Features = Callable[..., list[torch.Tensor]]


@dataclass(frozen=True)
class Basis:
    """`mean` (C,) and `eigenvectors` as columns (C,C), both float64. The largest variance comes first."""

    mean: torch.Tensor
    vectors: torch.Tensor

    def explained(self, features: torch.Tensor) -> torch.Tensor:
        """(C,): the share of the variance of a batch (B,C,h,w) along the first 1 ... C eigenvectors."""
        variance = ((_rows(features) - self.mean) @ self.vectors).square().mean(0)
        return variance.cumsum(0) / variance.sum()


class Moments:
    """Accumulates the moments of one layer's features, batch by batch."""

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
    """A network with fewer channels, and readouts D that predict the features of its teacher. `bases`: those of the
    teacher's layers.
    """

    def __init__(self, net: nn.Module, channels: Sequence[int], bases: Sequence[Basis]):
        super().__init__()
        self.net, self.bases = net, bases
        self.readouts = nn.ModuleList(
            nn.Conv2d(count, len(basis.mean), 1) for basis, count in zip(bases, channels, strict=True)
        )

    def block(self, number: int) -> list[nn.Parameter]:
        """The parameters to train for one layer."""
        modules = [*self.net.blocks()[number], self.readouts[number]]
        return [parameter for module in modules for parameter in module.parameters()]

    @torch.no_grad()
    def begin(self, number: int, batches: Sequence[tuple], teacher: Features) -> None:
        """Initialise the readout of a layer by least squares, before its training."""
        products = wanted = 0.0
        for inputs in batches:
            rows = F.pad(_rows(self.net.layers(*inputs)[number]), (0, 1), value=1)
            products, wanted = products + rows.T @ rows, wanted + rows.T @ _rows(teacher(*inputs)[number])
        ridge = RIDGE * products.diag().mean() * torch.eye(len(products), dtype=products.dtype)
        found, readout = torch.linalg.solve(products + ridge, wanted), self.readouts[number]
        readout.weight.copy_(found[:-1].T[:, :, None, None])
        readout.bias.copy_(found[-1])

    def loss(self, inputs: tuple, teacher: torch.Tensor, number: int) -> torch.Tensor:
        """The squared distance to the teacher's features of that layer, relative to their variance."""
        said = self.readouts[number](self.net.layers(*inputs)[number])
        return (said - teacher).square().mean() / teacher.var((0, 2, 3)).mean()


class VggStudent(Student):
    """Each layer starts as the teacher's layer, applied to the output of the readout before and projected onto the
    eigenvectors.
    """

    def __init__(self, net: Vgg, teacher: Vgg, channels: Sequence[int], bases: Sequence[Basis]):
        super().__init__(net, channels, bases)
        self._teachers = [block[0] for block in teacher.blocks()]

    @torch.no_grad()
    def begin(self, number: int, batches: Sequence[tuple], teacher: Features) -> None:
        (layer,), large = self.net.blocks()[number], self._teachers[number]
        weight, bias = large.weight, large.bias
        if number:
            before = self.readouts[number - 1]
            bias = bias + weight.sum((2, 3)) @ before.bias
            weight = torch.einsum("oihw,ijkl->ojhw", weight, before.weight)
        first = self.bases[number].vectors[:, : len(layer.weight)].float().T
        first = first * first.sum(1, keepdim=True).sign()  # max pooling then keeps the same pixels in both networks
        layer.weight.copy_(torch.tensordot(first, weight, 1))
        layer.bias.copy_(first @ bias)
        said = _outputs(layer, lambda: [self.net.layers(*inputs) for inputs in batches])
        mean, deviation = said.mean(0).float(), said.std(0).float().clamp(min=1e-6)
        layer.weight.div_(deviation[:, None, None, None])
        layer.bias.copy_((layer.bias - mean) / deviation + LIFT)
        super().begin(number, batches, teacher)


def parameters_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _outputs(layer: nn.Module, run: Callable[[], object]) -> torch.Tensor:
    """All pixels (n,C) of a layer's output during the run."""
    said: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda _, __, output: said.append(_rows(output)))
    run()
    hook.remove()
    return torch.cat(said)


def _rows(features: torch.Tensor) -> torch.Tensor:
    return features.detach().double().permute(0, 2, 3, 1).flatten(0, 2)
