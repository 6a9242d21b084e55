"""Scales the hidden channels of the exact path, so that rounding them to integers costs fewer bits.

    layer --hidden channel--> readers            becomes
    s * layer --s * hidden channel--> readers / s

The layers compute the same as before, because a leaky ReLU commutes with a positive factor (cross-layer equalisation,
Nagel et al. 2019), but every hidden channel now uses most of the range of the integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast

import torch

from rscodec.codec.integer import ACTIVATION_MAX
from rscodec.networks.entropy import EntropyModel, Group
from rscodec.networks.integer import IntegerLayer
from rscodec.networks.model import Codec

ROOM = 0.75  # share of the range that the largest value of a channel in the pictures takes
LARGEST = 64.0  # the largest factor


class Hidden(NamedTuple):
    """Hidden channels: the layer that computes them, and each layer that reads them, from its input `first` on. If the
    layer's outputs are shuffled, every channel has `runs` outputs.
    """

    layer: IntegerLayer
    readers: tuple[tuple[IntegerLayer, int], ...]
    runs: int = 1


@torch.no_grad()
def equalize(codec: Codec, pictures: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Scale all hidden channels, given pictures (B, 3, H, W) and their qualities (B,)."""
    entropy = codec.entropy
    largest = _largest(codec, pictures)
    for layer, readers, runs in _hidden(entropy):
        most = largest[layer].view(runs, -1).amax(0)
        factor = (ROOM * ACTIVATION_MAX / most.clamp(min=1e-3)).clamp(max=LARGEST)
        outputs = factor.repeat(runs)
        layer.weight.mul_(_rows(layer, outputs))
        layer.bias.mul_(outputs)
        if layer is entropy.hyper.first:
            entropy.hyper.levels.mul_(outputs)
        for reader, first in readers:
            if reader.weight.dim() == 2:
                reader.weight[:, first : first + len(factor)].div_(factor)
            else:
                reader.weight.div_(_rows(reader, factor))


def _largest(codec: Codec, pictures: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> dict[IntegerLayer, torch.Tensor]:
    """Return the largest absolute value of each output of each layer."""
    largest: dict[IntegerLayer, torch.Tensor] = {}

    def look(layer: IntegerLayer, _: object, output: torch.Tensor) -> None:
        most = output.abs().flatten(0, -2).amax(0)
        largest[layer] = torch.maximum(largest.get(layer, most), most)

    hooks = [layer.register_forward_hook(look) for layer in codec.entropy.modules() if isinstance(layer, IntegerLayer)]
    for pixels, quality in pictures:
        codec(pixels, quality)
    for hook in hooks:
        hook.remove()
    return largest


def _hidden(entropy: EntropyModel) -> Iterator[Hidden]:
    hyper, groups = entropy.hyper, cast("list[Group]", entropy.groups)
    yield Hidden(hyper.first, ((hyper.spatial, 0),), 4)
    yield Hidden(hyper.spatial, ((hyper.second, 0),))
    yield Hidden(hyper.second, ((hyper.blend, 0),), 4)
    yield Hidden(hyper.blend, ((hyper.last, 0),))
    yield Hidden(hyper.last, tuple((group.mix, 0) for group in groups))
    for group in groups:
        yield Hidden(group.mix, ((group.spatial, 0),))
        yield Hidden(group.spatial, ((group.anchor_hidden, 0), (group.other_hidden, 0)))
        yield Hidden(group.anchor_hidden, ((group.anchor_mu, 0), (group.anchor_index, 0)))
        yield Hidden(group.other_hidden, ((group.other_mu, 0), (group.other_index, 0)))


def _rows(layer: IntegerLayer, values: torch.Tensor) -> torch.Tensor:
    """Return values, one for each output, in a shape that multiplies the layer's weights."""
    return values.view(-1, *[1] * (layer.weight.dim() - 1))
