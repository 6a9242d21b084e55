"""What tests of trainers share: shards of pictures, and stages of a script in a few steps."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from rscodec.synthetic.sample import synthesize
from tests.helpers.tools import load


def write_shard(path: Path, pictures: Iterable[np.ndarray]) -> Path:
    """A shard of pictures (rows, columns, 3), as tools/pack_data.py packs them."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, picture in enumerate(pictures):
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, "PNG")
            archive.writestr(f"{number}.png", buffer.getvalue())
    return path


def landscapes(edge: int, count: int = 3) -> Iterable[np.ndarray]:
    return (synthesize(edge, seed=seed)[0].transpose(1, 2, 0) for seed in range(count))


def ramps(height: int, width: int, count: int) -> Iterable[np.ndarray]:
    """Smooth pictures with some texture."""
    rng = np.random.default_rng(1)
    ramp = np.add.outer(np.linspace(0, 90, height), np.linspace(0, 90, width))[..., None]
    return (np.clip(ramp + rng.normal(30, 12, (height, width, 3)), 0, 255).astype(np.uint8) for _ in range(count))


def stages(script: str, shard: Path, folder: Path, *small: object, steps: int = 2) -> Callable[..., Path]:
    """run(stage, *options) runs a stage of a trainer on a CPU and returns its folder. `small`: options of every run."""
    module, usual = load(script), ("--shard", shard, "--decay", 1, "--check", 1, "--device", "cpu", *small)

    def run(name: str, *options: object, steps: int = steps, to: str | None = None) -> Path:
        out = folder / (to or name)
        line = (*usual, "--stage", name, "--run", out, "--steps", steps, *options)
        threads = torch.get_num_threads()
        try:
            module.main([str(word) for word in line], standalone_mode=False)
        finally:
            torch.set_num_threads(threads)
        return out

    return run
