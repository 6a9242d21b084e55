"""A codec whose distortion and size are known, and a scene on which every metric has a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.eval.anchors.base import Anchor
from rscodec.eval.contenders import AnchorCodec
from rscodec.raster.scene import Scene


class Offset(Anchor):
    """Its file is parameter * 100 bytes; every band comes back shifted by its own offset, times the parameter."""

    name, version, command = "offset", "1", "shift by {parameter}"
    parameters = (1, 2, 3, 4)
    offsets = (3, -4, 5, 20)

    def encode(self, pixels: np.ndarray, parameter: float) -> bytes:
        self._pixels = pixels
        return bytes([int(parameter)]) * int(100 * parameter)

    def decode(self, data: bytes, shape, dtype: str) -> np.ndarray:
        shift = np.array(self.offsets[: shape[0]]) * data[0]
        return (self._pixels.astype(np.int64) + shift[:, None, None]).astype(dtype)


@pytest.fixture
def offset() -> AnchorCodec:
    return AnchorCodec(Offset())


@pytest.fixture
def flat_scene() -> Scene:
    """Red, green, blue and near infrared, each of one value; a quarter of it is nodata."""
    pixels = np.empty((4, 256, 512), np.uint8)
    pixels[:] = np.array([60, 80, 100, 140])[:, None, None]
    pixels[:, :, 384:] = 0
    classes = (pixels == 0).astype(np.uint8)
    metadata = {"nodata": "0.0", "descriptions": ["red", "green", "blue", "nir"]}
    return Scene(pixels, classes, metadata)
