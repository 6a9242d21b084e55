"""Enhancers for tests: a tiny untrained LDM-RSIC whose last layer is not zero, and one that says what it is told to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from rscodec.enhancers.base import Enhancer
from rscodec.enhancers.ldm_rsic import LdmConfig, LdmRsic, write_weights

WINDOW, OVERLAP = 32, 16


def config(takes: str = "stream", **changes) -> LdmConfig:
    tiny = dict(
        takes=takes,
        window=WINDOW,
        overlap=OVERLAP,
        widths=(8, 12, 16),
        blocks=(1, 1, 1),
        heads=2,
        prior=8,
        raised=4,
        lrm_width=8,
        lrm_blocks=1,
        denoiser_width=16,
        denoiser_blocks=1,
    )
    return LdmConfig(**tiny | changes)


def build(takes: str = "stream", seed: int = 0, **changes) -> LdmRsic:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LdmRsic(config(takes, **changes))


def write(path: Path, takes: str = "stream", model: str = "ldm-test-1", codecs: tuple[str, ...] = ()) -> Path:
    """A weights file of a network that changes pixels by some levels."""
    net = build(takes)
    with torch.no_grad():
        net.men.head.weight.normal_(0, 0.01, generator=torch.Generator().manual_seed(1))
    write_weights(path, model, net, codecs)
    return path


class Told(Enhancer):
    """Changes a window by what `rule(pixels, quality, seed)` returns; remembers what it was given."""

    model, weights_hash, takes, codecs = "told", "0" * 16, "stream", ()
    window, overlap = WINDOW, OVERLAP

    def __init__(self, rule):
        self.rule, self.calls = rule, []

    def change(self, pixels: np.ndarray, quality: float | None, seed: int) -> np.ndarray:
        self.calls.append((pixels, quality, seed))
        return np.broadcast_to(np.float32(self.rule(pixels, quality, seed)), pixels.shape)
