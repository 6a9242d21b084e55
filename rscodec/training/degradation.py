"""Degrades images: blur, resizing, noise and JPEG, twice, each of random kind and strength.

    original --blur--> --resize--> --noise--> --JPEG-->      FIRST
             --blur?-> --resize--> --noise-->                SECOND
             --JPEG, resize to the target, sinc--> or --resize to the target, sinc, JPEG-->  8 bits

The method is that of Real-ESRGAN (Wang et al. 2021), with the ranges of SlimDiffSR. All random numbers come from the
generator that is passed in, so a generator in the same state makes the same image.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from rscodec.raster.resample import Taps, centres, cubic, linear

KINDS = ("gaussian", "generalised", "plateau")
KIND_SHARES = (0.7, 0.15, 0.15)
ISOTROPIC = 0.69
SINC, LAST_SINC = 0.1, 0.8  # probabilities
GREY_NOISE = 0.4
# range of the exponent of the distance
SHAPES = {"gaussian": (1.0, 1.0), "generalised": (0.5, 2.0), "plateau": (1.0, 1.5)}
RESIZERS = ((linear, True), (linear, False), (cubic, False))  # True: anti-aliased, which is close to an area average


@dataclass(frozen=True)
class Stage:
    """Ranges of one round. Sizes of kernels are odd. `resized` has the shares of up, down and none. `levels` of noise
    are relative to 255. `grains` scale a Poisson noise.
    """

    blurred: float
    sizes: tuple[int, int]
    sigmas: tuple[float, float]
    resized: tuple[float, float, float]
    factors: tuple[float, float]
    levels: tuple[float, float]
    grains: tuple[float, float]
    qualities: tuple[int, int]


FIRST = Stage(1.0, (7, 21), (0.2, 1.5), (0.2, 0.7, 0.1), (0.3, 1.5), (1, 15), (0.05, 2.0), (60, 95))
SECOND = Stage(0.5, (7, 11), (0.2, 1.0), (0.3, 0.4, 0.3), (0.6, 1.2), (1, 12), (0.05, 1.0), (60, 100))


def degrade(pixels: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Degrade pixels (3, H, W) uint8 to (3, height, width) uint8."""
    full = pixels.shape[1:]
    x = pixels / 255
    x = _noisy(_resized(_blurred(x, FIRST, rng), *_changed(full, FIRST, rng), rng), FIRST, rng)
    x = _jpeg(x, FIRST, rng)
    x = _noisy(_resized(_blurred(x, SECOND, rng), *_changed((height, width), SECOND, rng), rng), SECOND, rng)
    jpeg_first = rng.random() < 0.5
    if jpeg_first:
        x = _jpeg(x, SECOND, rng)
    x = _resized(x, height, width, rng)
    if rng.random() < LAST_SINC:
        x = _convolved(x, sinc(_size(SECOND, rng), rng.uniform(math.pi / 3, math.pi)))
    if not jpeg_first:
        x = _jpeg(x, SECOND, rng)
    return _levels(x)


def gaussian(
    size: int, sigmas: tuple[float, float], angle: float, kind: str = "gaussian", exponent: float = 1.0
) -> np.ndarray:
    """Return a kernel (size, size) with these deviations along two axes. Its sum is 1."""
    at = np.arange(size) - size // 2
    cols, rows = np.meshgrid(at, at)
    along, across = cols * math.cos(angle) + rows * math.sin(angle), rows * math.cos(angle) - cols * math.sin(angle)
    distance = ((along / sigmas[0]) ** 2 + (across / sigmas[1]) ** 2) ** exponent
    kernel = 1 / (1 + distance) if kind == "plateau" else np.exp(-distance / 2)
    return kernel / kernel.sum()


def sinc(size: int, cutoff: float) -> np.ndarray:
    """Return a circular low-pass kernel (size, size), which rings. `cutoff` is in radians per pixel."""
    at = np.arange(size) - size // 2
    radius = np.hypot(*np.meshgrid(at, at))
    radius[size // 2, size // 2] = 1
    kernel = cutoff * torch.special.bessel_j1(torch.from_numpy(cutoff * radius)).numpy() / (2 * math.pi * radius)
    kernel[size // 2, size // 2] = cutoff**2 / (4 * math.pi)
    return kernel / kernel.sum()


def _size(stage: Stage, rng: np.random.Generator) -> int:
    return int(rng.choice(np.arange(stage.sizes[0], stage.sizes[1] + 1, 2)))


def _blurred(x: np.ndarray, stage: Stage, rng: np.random.Generator) -> np.ndarray:
    if rng.random() >= stage.blurred:
        return x
    size = _size(stage, rng)
    if rng.random() < SINC:
        return _convolved(x, sinc(size, rng.uniform(math.pi / 3 if size < 13 else math.pi / 5, math.pi)))
    kind = str(rng.choice(KINDS, p=KIND_SHARES))
    sigma = rng.uniform(*stage.sigmas)
    other = sigma if rng.random() < ISOTROPIC else rng.uniform(*stage.sigmas)
    return _convolved(x, gaussian(size, (sigma, other), rng.uniform(0, math.pi), kind, rng.uniform(*SHAPES[kind])))


def _convolved(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    reach = len(kernel) // 2
    padded = F.pad(torch.from_numpy(x)[:, None].float(), (reach,) * 4, mode="replicate")
    return F.conv2d(padded, torch.from_numpy(kernel)[None, None].float())[:, 0].double().numpy()


def _changed(size: tuple[int, ...], stage: Stage, rng: np.random.Generator) -> list[int]:
    """Return a size that is larger, smaller or the same."""
    up, down, _ = stage.resized
    kind = rng.random()
    factor = 1.0
    if kind < up:
        factor = rng.uniform(1, stage.factors[1])
    elif kind < up + down:
        factor = rng.uniform(stage.factors[0], 1)
    return [max(1, round(factor * edge)) for edge in size]


def _resized(x: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    kernel, smooth = RESIZERS[rng.integers(len(RESIZERS))]
    for axis, target in ((1, height), (2, width)):
        length = x.shape[axis]
        stretch = max(1.0, length / target) if smooth else 1.0
        if target != length:
            x = Taps.at(centres(0, target, length, target), length, kernel, stretch).along(x, axis)
    return x


def _noisy(x: np.ndarray, stage: Stage, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise to half of the images, and noise that grows with brightness to the others; grey or by band."""
    gaussian_noise, bands = rng.random() < 0.5, 1 if rng.random() < GREY_NOISE else 3
    if gaussian_noise:
        noise = rng.normal(0, rng.uniform(*stage.levels) / 255, (bands, *x.shape[1:]))
    else:
        seen = _levels(x.mean(0, keepdims=True) if bands == 1 else x) / 255
        values = 2 ** math.ceil(math.log2(max(2, len(np.unique(seen)))))
        noise = rng.uniform(*stage.grains) * (rng.poisson(seen * values) / values - seen)
    return (x + noise).clip(0, 1)


def _jpeg(x: np.ndarray, stage: Stage, rng: np.random.Generator) -> np.ndarray:
    buffer = io.BytesIO()
    quality = int(rng.integers(stage.qualities[0], stage.qualities[1] + 1))
    Image.fromarray(np.ascontiguousarray(_levels(x).transpose(1, 2, 0))).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer)).transpose(2, 0, 1) / 255


def _levels(x: np.ndarray) -> np.ndarray:
    return (255 * x).round().clip(0, 255).astype(np.uint8)
