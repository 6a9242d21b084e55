"""The sizes of a codec's networks: everything that is needed to build them again."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

STRIDE = 16  # pixels per latent, in each direction


@dataclass(frozen=True)
class CodecConfig:
    """The networks have `width` channels at stride 8, `tail` at stride 4 and `detail` at stride 2 (0: none), and as
    many blocks as the fields `..._blocks` say.

    `groups` has the number of latents of each channel group of the context model, whose layers have `features`
    channels. `hyper` is the number of channels of the side information z, and `narrow` that of the hyper decoder
    between its two shuffles.
    """

    width: int = 128
    encoder_blocks: int = 3
    decoder_blocks: int = 3
    tail: int = 32
    groups: tuple[int, ...] = (16, 16, 32, 64, 192)
    features: int = 160
    hyper: int = 64
    narrow: int = 96
    tail_blocks: int = 1
    detail: int = 0
    detail_blocks: int = 0

    @property
    def synthesis_blocks(self) -> tuple[int, int, int]:
        """The number of blocks at stride 8, 4 and 2."""
        return self.decoder_blocks, self.tail_blocks, self.detail_blocks

    @property
    def latents(self) -> int:
        return sum(self.groups)

    @property
    def halo(self) -> int:
        """How many latents around a tile its pixels depend on. A block reaches one position of its stride (8, 4, 2)."""
        detail_blocks = self.detail_blocks if self.detail else 0
        return math.ceil((8 * self.decoder_blocks + 4 * self.tail_blocks + 2 * detail_blocks) / STRIDE)

    @property
    def border(self) -> int:
        """How many latents around a tile contain pixels that the tile's latents depend on."""
        return (self.encoder_blocks + 1) // 2

    def as_dict(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: object) -> CodecConfig:
        """Raise ValueError for values that no codec can have."""
        if not isinstance(values, dict):
            raise ValueError("the configuration is not a JSON object")
        for key, value in values.items():
            if key not in LIMITS:
                raise ValueError(f"the configuration has an unknown {key[:40]!r}")
            if (key == "groups") != isinstance(value, (list, tuple)):
                raise ValueError(f"{key} in the configuration is not {'a list' if key == 'groups' else 'a number'}")
            sizes, (least, most) = value if key == "groups" else [value], LIMITS[key]
            if not 1 <= len(sizes) <= MOST_GROUPS or not all(type(n) is int and least <= n <= most for n in sizes):
                raise ValueError(f"{key} in the configuration is not within {least}..{most}")
        return cls(**values | {"groups": tuple(values.get("groups", cls.groups))})


BLOCKS, CHANNELS = (0, 32), (1, 512)
LIMITS = {  # of a configuration that comes from a file, which anyone may have written
    "width": CHANNELS,
    "encoder_blocks": BLOCKS,
    "decoder_blocks": BLOCKS,
    "tail": CHANNELS,
    "groups": CHANNELS,
    "features": CHANNELS,
    "hyper": (2, 512),  # the range coder needs two symbols, and every symbol of z is coded
    "narrow": CHANNELS,
    "tail_blocks": (1, 32),
    "detail": (0, 512),
    "detail_blocks": BLOCKS,
}
MOST_GROUPS = 16
SMALL = CodecConfig()
MEDIUM = CodecConfig(
    width=192,
    encoder_blocks=6,
    decoder_blocks=4,
    tail=64,
    groups=(4, 4, 8, 16, 32, 64, 192),
    features=224,
    narrow=128,
    tail_blocks=2,
    detail=24,
    detail_blocks=2,
)
CONFIGS = {"s": SMALL, "m": MEDIUM}
