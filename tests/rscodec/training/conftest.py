"""A shard to train on, made here."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def shard(tmp_path):
    """A shard of smooth pictures with some texture."""
    rng = np.random.default_rng(1)
    path = tmp_path / "shard.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(4):
            ramp = np.add.outer(np.linspace(0, 90, 96), np.linspace(0, 90, 80))[..., None]
            picture = np.clip(ramp + rng.normal(30, 12, (96, 80, 3)), 0, 255).astype(np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, "PNG")
            archive.writestr(f"{number}.png", buffer.getvalue())
    return path
