"""Training data of enhancers: crops, and the same crops after compression.

    Crops --CodecPairs: our frozen codec, a random quality per crop--> Pair        on the device that trains the model
    Crops --Jpeg2000Crops: OpenJPEG, a random rate per crop, processes--> Pair

Both decode anew for every batch, so nothing has to be stored. The codec's forward pass costs little compared with the
training step, on a GPU and on a CPU. Decoded pixels are rounded to 8 bits, as in the input of an enhancer.
"""

from __future__ import annotations

import collections
import io
import itertools
import math
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN
from rscodec.codec import rate
from rscodec.codec.weights_file import read_weights, weights_hashes
from rscodec.generative.blending import ALIGN
from rscodec.networks.export import thaw
from rscodec.networks.model import Codec
from rscodec.networks.precision import full_precision
from rscodec.stream.statistics import Statistics
from rscodec.training.data import Crops

RATES = 0.05, 2.5  # bits per pixel of JPEG2000; their logarithm is uniform
# Edge of the pictures that JPEG2000 codes. In smaller ones, the headers would weigh more. An edge below 256 leaves room
# to cut them from images of 256 pixels at any position: if an image once was a JPEG, windows must not always have the
# same position in its grid of 8.
PICTURE = 240
RAW_BITS = 24
LOW = 1.7  # qualities are a uniform number to this power, since there is more to gain at low rates


@dataclass
class Pair:
    """Images (B, 3, H, W) in 0..1, and qualities (B,) if our codec made the decoded ones."""

    decoded: torch.Tensor
    original: torch.Tensor
    quality: torch.Tensor | None


def frozen_codec(path: Path) -> tuple[Codec, str]:
    """Return the codec in a weights file, and the hash by which new streams name it."""
    weights = read_weights(path)
    codec = Codec(weights.config)
    thaw(codec, weights.tensors)
    return codec, next(iter(weights_hashes(weights.tensors).values())).hex()


class CodecPairs:
    """Crops and their decoded versions from our codec."""

    def __init__(self, codec: Codec, crops: Crops, device: str):
        self.crops, self.device = crops, device
        self.stream = crops.stream
        self._alone = threading.Lock()  # full_precision() changes switches of the whole process
        self._codec = codec.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)

    def pair(self, batch, step: int) -> Pair:
        """Return the training pair of a batch of the stream. It depends only on the batch and the step."""
        generator = torch.Generator().manual_seed(1_000_003 * self.crops.seed + step)
        share = torch.rand(len(batch.pixels), generator=generator)
        return self.at(batch.pixels, QUALITY_MIN + (QUALITY_MAX - QUALITY_MIN) * share**LOW)

    @torch.no_grad()
    def at(self, pixels: torch.Tensor, quality: torch.Tensor) -> Pair:
        """Code pixels (B, 3, H, W) uint8 at qualities (B,).

        As in a file, each crop is shown to the network in the way that costs least, in one to three groups of channels,
        and a group that is not worth its bits is mid grey. The transforms have orthonormal columns, so the transpose of
        one is its inverse.
        """
        both = enumerate(zip(pixels.numpy(), quality.tolist(), strict=True))
        shown = [(crop, view) for crop, pair in both for view in _views(*pair)]
        crop_of = torch.tensor([crop for crop, _ in shown], device=self.device)
        way_of = torch.tensor([way for way, (_, view) in enumerate(shown) for _ in view], device=self.device)
        owner = crop_of[way_of]
        view = torch.from_numpy(np.concatenate([view for _, view in shown])).to(self.device)
        matrix, offset = view[..., :3], view[..., 3, None, None]

        original, quality = _unit(pixels, self.device), quality.to(self.device)
        channels = torch.einsum("gij,gjhw->gihw", matrix, original[owner]) + offset
        channels = channels.contiguous(memory_format=torch.channels_last)
        with self._alone, full_precision(), torch.autocast(self.device, enabled=False):
            coded = self._codec(channels, quality[owner])
        error = (255 * (channels - 0.5)).square().mean(1).sum((1, 2))
        grey = rate.weight(quality[owner]) * error <= coded.bits
        seen = torch.where(grey[:, None, None, None], 0.5, coded.pixels)
        bands = torch.einsum("gij,gihw->gjhw", matrix, seen - offset)

        decoded = torch.zeros_like(original[crop_of]).index_add_(0, way_of, bands)
        costs = rate.weight(quality[crop_of]) * (255 * (decoded - original[crop_of])).square().mean(1).sum((1, 2))
        costs.index_add_(0, way_of, coded.bits.masked_fill(grey, 0))
        of_crop = [torch.nonzero(crop_of == crop)[:, 0] for crop in range(len(pixels))]
        decoded = decoded[[int(some[costs[some].argmin()]) for some in of_crop]]
        return Pair((255 * decoded).round().clamp(0, 255) / 255, original, quality)


def _views(crop: np.ndarray, quality: float) -> list[np.ndarray]:
    """Return the ways in which a file may show this crop (3, H, W), uint8, to the network. Each is (groups, 3, 4):
    linear part and offset of the network's channels, from bands in 0..1.
    """
    statistics = Statistics("uint8", 3)
    statistics.add(crop)
    points = np.concatenate([np.zeros((3, 1)), 255 * np.eye(3)], 1, dtype=np.float32)
    found = [way.forward(points[:, None])[:, :, 0] for way in statistics.radiometry(3).ways(quality)]
    return [np.concatenate([one[..., 1:] - one[..., :1], one[..., :1]], 2) for one in found]


class Jpeg2000Crops:
    """Windows of crops, and the same windows after OpenJPEG, which runs in several processes (0: in this one). The
    windows begin where an enhancer's windows may begin, so that the grid of four wavelet levels lies in them as in use.

    This process cuts the crops, which costs little, so that the others need not hold the shard. They are spawned: torch
    has threads, and a fork of a process with threads may hang.
    """

    def __init__(self, crops: Crops, window: int, device: str, workers: int):
        self.crops, self.window, self.device, self.workers = crops, window, device, workers

    def stream(self, first: int, last: int):
        """Yield (2, B, 3, window, window) uint8 for each step: originals, decoded."""
        return ahead(_windows, map(self._task, range(first, last)), self.workers)

    def pair(self, batch: torch.Tensor, step: int) -> Pair:
        original, decoded = _unit(batch[0], self.device), _unit(batch[1], self.device)
        return Pair(decoded, original, None)

    def _task(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Return crops (B, 3, size, size), bits per pixel and window corner of each, and the edge of the windows."""
        pixels = self.crops.at(step).pixels.numpy()
        rng = np.random.default_rng((self.crops.seed, step, 2000))
        rates = np.exp(rng.uniform(*map(math.log, RATES), len(pixels)))
        corners = ALIGN * rng.integers((pixels.shape[2] - self.window) // ALIGN + 1, size=(len(pixels), 2))
        return pixels, rates, corners, self.window


def ahead(function: Callable, tasks: Iterable[tuple], workers: int) -> Iterator:
    """Yield function(*task) of each task in order. `workers` processes compute it, or this one if there are none."""
    if not workers:
        yield from itertools.starmap(function, tasks)
        return
    with multiprocessing.get_context("spawn").Pool(workers, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        pending = collections.deque()
        for task in tasks:
            pending.append(pool.apply_async(function, task))
            if len(pending) > 2 * workers:
                yield pending.popleft().get()
        while pending:
            yield pending.popleft().get()


def _windows(pixels: np.ndarray, rates: np.ndarray, corners: np.ndarray, edge: int) -> torch.Tensor:
    """Return the windows of crops, and the same windows after JPEG2000."""
    both = np.stack([pixels, np.stack(list(map(through_jpeg2000, pixels, rates)))], 1)
    cut = [crop[..., y : y + edge, x : x + edge] for crop, (y, x) in zip(both, corners, strict=True)]
    return torch.from_numpy(np.stack(cut, 1))


def through_jpeg2000(pixels: np.ndarray, rate: float) -> np.ndarray:
    """Code pixels (3, H, W) uint8 with OpenJPEG at `rate` bits per pixel, irreversible 9/7 and colour transform."""
    buffer = io.BytesIO()
    levels = min(6, min(pixels.shape[1:]).bit_length())
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(
        buffer,
        "JPEG2000",
        no_jp2=True,
        irreversible=True,
        mct=1,
        num_resolutions=levels,
        quality_mode="rates",
        quality_layers=[RAW_BITS / rate],
    )
    return np.array(Image.open(buffer)).transpose(2, 0, 1)


def _unit(pixels: torch.Tensor, device: str) -> torch.Tensor:
    return (pixels.to(device, non_blocking=True).float() / 255).contiguous(memory_format=torch.channels_last)
