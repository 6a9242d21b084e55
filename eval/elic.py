"""CompressAI's ELIC, to time it beside our codec on the same machine and in the same process.

It is Elic2022Official in its published size with random weights. Its time hardly depends on the weights; its rate and
quality do, so they are not measured.
"""

from __future__ import annotations

import os
import platform
import warnings
from pathlib import Path

import numpy as np
import torch

MAIN, LATENTS = 192, 320  # N and M of Elic2022Official as published
UNIT = 64  # edges must be multiples of this


class Elic:
    """Encodes and decodes a picture (3, H, W), uint8, in memory."""

    def __init__(self, pixels: np.ndarray):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            from compressai.models import Elic2022Official

        torch.manual_seed(0)
        self.net = Elic2022Official(MAIN, LATENTS).eval()
        self.net.update()
        self.x = torch.from_numpy(pixels)[None].float() / 255

    @torch.inference_mode()
    def encode(self) -> None:
        self.coded = self.net.compress(self.x)

    @torch.inference_mode()
    def decode(self) -> None:
        self.net.decompress(self.coded["strings"], self.coded["shape"])


def machine() -> str:
    """The processor, its cores, the threads in use and the load."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    capability = torch.backends.cpu.get_cpu_capability()
    return (
        f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads, {capability}, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}"
    )
