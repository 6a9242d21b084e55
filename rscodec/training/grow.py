"""Starts a wider and deeper codec from a trained smaller one, with the same bits and pixels at first.

    old channels    keep their weights; zeros multiply what they get from new channels
    new channels    have random input weights, as in an untrained codec
    new blocks      come last and add nothing, because the layers that add are zero

So every step of the smaller model's training counts for the larger one (Net2Net, Chen et al. 2016). A channel group may
also be divided into several. Each of these has the layers of the old one, but sees fewer surrounding latents and more
of those at the same place, so bits differ a little at first.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import cast

import torch
import torch.nn.functional as F

from rscodec.bitstreams.errors import InputError
from rscodec.codec.config import CodecConfig
from rscodec.networks.entropy import Group
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
HEADS = ("anchor_mu", "anchor_index", "other_mu", "other_index")  # the layers with an output for each latent
BESIDE_FEATURES = ("mix", "other_hidden")  # layers that see features, then latents


def grow(small: Codec, large: Codec) -> None:
    """Make the new codec `large` compute the same as `small`. It may be wider and deeper, with the same latents. If its
    channel groups are divided further, bits differ a little.
    """
    _check(vars(small.config), vars(large.config))
    if small.config.groups != large.config.groups:
        small = divided(small, large.config.groups)
    state, smaller = large.state_dict(), small.state_dict()
    for name, value in state.items():
        if name in smaller:
            state[name] = _embed(smaller[name], value, name, small.config, large.config)
        elif name.split(".")[-2] in ADDS:
            state[name] = torch.zeros_like(value)
    large.load_state_dict(state)


def _check(before: dict, after: dict) -> None:
    for name, value in before.items():
        grows = after[name] >= value
        if name == "hyper":
            grows = after[name] == value
        if name == "groups":
            grows = sum(value) == sum(after[name]) and set(accumulate(value)) <= set(accumulate(after[name]))
        if not grows:
            raise InputError(
                f"a codec with {name} {value} cannot become one with {after[name]}: it grows in width and depth, and "
                "its groups can be divided; give another `start` or another `model`"
            )


def divided(codec: Codec, groups: tuple[int, ...]) -> Codec:
    """Return the codec with more channel groups, each of which is a part of an old one."""
    found = Codec(replace(codec.config, groups=groups))
    same = {name: value for name, value in codec.state_dict().items() if not name.startswith("entropy.groups.")}
    found.load_state_dict(found.state_dict() | same)
    old = cast("list[Group]", list(codec.entropy.groups))
    for part in cast("list[Group]", found.entropy.groups):
        part.load_state_dict(_part(next(group for group in old if part.known < group.known + group.count), part))
    return found


def _part(whole: Group, part: Group) -> dict[str, torch.Tensor]:
    """Return the weights of a part of a group: the layers of the whole, cut to the channels of the part."""
    first, state = part.known - whole.known, whole.state_dict()
    own = slice(first, first + part.count)
    for head in HEADS:
        for values in ("weight", "bias"):
            state[f"{head}.{values}"] = state[f"{head}.{values}"][own]
    state["mix.weight"] = F.pad(state["mix.weight"], (0, first))
    features, around = state["other_hidden.weight"].split([len(state["mix.weight"]), 4 * whole.count], 1)
    around = around.unflatten(1, (4, whole.count))[..., own].flatten(1)
    state["other_hidden.weight"] = torch.cat([features, around], 1)
    return state


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
