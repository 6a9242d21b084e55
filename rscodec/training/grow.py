"""Starts a wider and deeper codec from a trained smaller one, with the same bits and pixels at first.

    old channels    keep their weights; zeros multiply what they get from new channels
    new channels    have random input weights, as in a codec that starts anew
    new blocks      come last and add nothing, because the layers that add are zero

So every step of the smaller model's training counts for the larger one (Net2Net, Chen et al. 2016).
"""

from __future__ import annotations

import torch

from rscodec.bitstreams.errors import InputError
from rscodec.codec.config import CodecConfig
from rscodec.networks.model import Codec

ADDS = ("leave", "contract")  # the layers that compute what a block adds to its input
# axes that consist of several runs of channels, one after the other: halves that are added, quarters for `shuffle`
RUNS = {
    ("expand", 0): 2,
    ("entropy.hyper.first", 0): 4,
    ("entropy.hyper.levels", 1): 4,
    ("entropy.hyper.second", 0): 4,
    ("entropy.hyper_analysis.middle", 1): 4,
    ("entropy.hyper_analysis.leave", 1): 4,
}
SAME = ("groups", "hyper")  # sizes of latents and side information
BESIDE_FEATURES = ("mix", "other_hidden")  # layers that see features, then latents


def grow(small: Codec, large: Codec) -> None:
    """Make the new codec `large` compute the same as `small`. It may be wider and deeper, with the same latents."""
    before, after = vars(small.config), vars(large.config)
    for name in before:
        if after[name] != before[name] if name in SAME else after[name] < before[name]:
            raise InputError(
                f"a codec with {name} {before[name]} cannot become one with {after[name]}: it grows in "
                "width and depth only; give another `start` or another `model`"
            )
    state, smaller = large.state_dict(), small.state_dict()
    for name, value in state.items():
        if name in smaller:
            state[name] = _embed(smaller[name], value, name, small.config, large.config)
        elif name.split(".")[-2] in ADDS:
            state[name] = torch.zeros_like(value)
    large.load_state_dict(state)


def _embed(old: torch.Tensor, new: torch.Tensor, name: str, before: CodecConfig, after: CodecConfig) -> torch.Tensor:
    """Return `new` with `old` in the places of the old channels, and zeros where these would depend on new ones."""
    layer = name.removesuffix(".weight").removesuffix(".bias")
    grown = new.clone()
    places = []
    for axis, (few, many) in enumerate(zip(old.shape, new.shape, strict=True)):
        channels = torch.arange(few)
        if axis == 1 and layer.endswith(BESIDE_FEATURES):
            places.append(channels + (channels >= before.features) * (after.features - before.features))
        else:
            runs = next((runs for (end, at), runs in RUNS.items() if at == axis and layer.endswith(end)), 1)
            places.append(channels + channels // (few // runs) * ((many - few) // runs))
    if name.endswith("weight"):
        grown[places[0]] = 0
    grown[torch.meshgrid(*places, indexing="ij")] = old
    return grown
