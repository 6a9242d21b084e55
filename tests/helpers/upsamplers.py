"""Upsamplers for tests: tiny untrained ones whose last layer is not zero, and one that says what it is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from rscodec.upsamplers.base import Upsampler
from rscodec.upsamplers.e2diffsr import E2DiffConfig, E2DiffSr, write_weights
from rscodec.upsamplers.slimdiffsr import SlimConfig, SlimDiffSr
from rscodec.upsamplers.slimdiffsr import write_weights as write_slim_weights

WINDOW, OVERLAP = 32, 8


def config(**changes) -> E2DiffConfig:
    tiny = dict(
        window=WINDOW,
        large=96,
        overlap=OVERLAP,
        features=8,
        blocks=1,
        prior_width=4,
        prior_blocks=1,
        sampled=8,
        hidden=16,
        condition_width=16,
        condition_blocks=1,
        denoiser_width=16,
        denoiser_blocks=1,
    )
    return E2DiffConfig(**tiny | changes)


def build(seed: int = 0, **changes) -> E2DiffSr:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return E2DiffSr(config(**changes))


def write(path: Path, model: str = "e2diff-test-1") -> Path:
    """A weights file of a network that changes pixels by some levels, differently for each seed."""
    net, generator = build(), torch.Generator().manual_seed(1)
    with torch.no_grad():
        net.csum.mlp[-1].weight.normal_(0, 0.02, generator=generator)
        net.denoiser.leave.weight.normal_(0, 1, generator=generator)
    write_weights(path, model, net)
    return path


def slim_config(**changes) -> SlimConfig:
    tiny = dict(
        window=WINDOW,
        large=256,
        overlap=OVERLAP,
        width=8,
        encoder_blocks=1,
        decoder_blocks=1,
        widths=(16, 24),
        blocks=1,
    )
    return SlimConfig(**tiny | changes)


def build_slim(seed: int = 0, **changes) -> SlimDiffSr:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SlimDiffSr(slim_config(**changes))


def write_slim(path: Path, model: str = "slimdiff-test-1", **changes) -> Path:
    """A weights file of a network that changes pixels by some levels, and looks at the whole picture."""
    net, generator = build_slim(**changes), torch.Generator().manual_seed(1)
    with torch.no_grad():
        net.decoder.head.weight.normal_(0, 0.02, generator=generator)
        for name, parameter in net.named_parameters():
            if name.startswith("unet.") and name.endswith(("leave.weight", "weigh.2.weight")):
                parameter.normal_(0, 0.5, generator=generator)
    write_slim_weights(path, model, net)
    return path


WRITERS = {"e2diff": write, "slimdiff": write_slim}  # by row of the registry


class Told(Upsampler):
    """Adds what `rule(pixels, rows, cols, scale, seed)` returns; remembers what it was given."""

    model, weights_hash, overlap = "told", "0" * 16, OVERLAP

    def __init__(self, rule):
        self.rule, self.calls, self.surveys = rule, [], []

    def window(self, scale: float) -> int:
        return WINDOW

    def survey(self, windows: list[np.ndarray], scale: float) -> str:
        self.surveys.append((windows, scale))
        return "surveyed"

    def detail(
        self,
        pixels: np.ndarray,
        rows: np.ndarray,
        cols: np.ndarray,
        scale: float,
        seed: int,
        surveyed: str | None = None,
    ) -> np.ndarray:
        self.known = surveyed
        self.calls.append((pixels, rows, cols, scale, seed))
        return np.broadcast_to(np.float32(self.rule(pixels, rows, cols, scale, seed)), (3, len(rows), len(cols)))
