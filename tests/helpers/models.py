"""Codecs for tests: untrained, but with every part at work, and the same for a seed.

The linear shortcut holds cosines (16 x 16 pixels, grey and two colour differences), so pixels come back recognisably;
the last layers of both transforms are not zero, so the networks between them matter.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import torch

from rscodec.codec.config import CodecConfig
from rscodec.codec.integer import BIAS_UNIT
from rscodec.codec.portable import PortableCodec
from rscodec.models.portable import portable_codec
from rscodec.networks.export import freeze, write_weights
from rscodec.networks.model import Codec
from rscodec.networks.transforms import Block
from rscodec.stream.radiometry import GREY_ROTATION
from tests.helpers.sizes import CONFIGS, TINY


def build(config: CodecConfig = TINY, seed: int = 0) -> Codec:
    """A trainable codec that is worth freezing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        codec = Codec(config)
        codec.start_from_klt(*cosines(config.latents))
        with torch.no_grad():
            for head, size in ((codec.analysis.head, 0.05), (codec.synthesis.head, 0.15)):
                head.weight.normal_(0, size / head.weight.shape[1] ** 0.5)
            if codec.synthesis.detail:
                codec.synthesis.detail.head.weight.normal_(0, 0.05)
            for block in (module for module in codec.synthesis.modules() if isinstance(module, Block)):
                block.spatial.weight.mul_(2)  # so that what is far away is seen
            codec.entropy.hyper.levels.normal_(0, 0.5)
            codec.entropy.z_mu.normal_(0, 1)
            codec.entropy.z_index.uniform_(0.25, 1)
            codec.entropy.z_index[:, 0] = 0  # a channel that is always what it is expected to be
            for group in codec.entropy.groups:
                for layer in (group.anchor_index, group.other_index):
                    layer.weight.mul_(0.3)
                    layer.bias.add_((10 + 6 * torch.randn_like(layer.bias)) / BIAS_UNIT)
    return codec


def write(path: Path, model: str = "vec-1", config: CodecConfig | None = None, seed: int = 0) -> Path:
    """A weights file of such a codec."""
    config = config or CONFIGS[model]
    write_weights(path, model, config, freeze(build(config, seed)))
    return path


def load(folder: Path, device: str = "cpu", **options) -> PortableCodec:
    return portable_codec(write(folder / "weights.safetensors", **options), device)


def cosines(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(components (count, 3, 16, 16), orthonormal; what deviation, in 8-bit units, an image shows along each)."""
    x = (torch.arange(16) + 0.5) * math.pi / 16
    waves = torch.stack([torch.cos(f * x) * math.sqrt((2 if f else 1) / 16) for f in range(16)])
    colours = torch.from_numpy(GREY_ROTATION).float()
    axes = itertools.product(range(16), range(16), range(3))
    deviation = {(u, v, c): 400 * 0.3 ** (c > 0) / (1 + u + v) ** 1.5 for u, v, c in axes}
    strongest = sorted(deviation, key=deviation.get, reverse=True)[:count]
    components = [torch.einsum("c,h,w->chw", colours[c], waves[u], waves[v]) for u, v, c in strongest]
    return torch.stack(components), torch.tensor([deviation[key] for key in strongest])
