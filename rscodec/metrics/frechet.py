"""A Fréchet distance on AlexNet: how far the crops of two sets of pictures differ as distributions.

    picture --crops of 64 x 64--> AlexNet's last convolution, mean over positions: 256 numbers for each crop
    crops of a set --> mean m, covariance C
    distance = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))

It is not FID, which uses another network and pictures of 299 x 299: compare it only with itself, for the same pictures.
Few crops make it larger, so always state how many there are.
"""

from __future__ import annotations

import numpy as np

from rscodec.metrics.perceptual import EDGE, network

CHANNELS = 256


def features(picture: np.ndarray) -> np.ndarray:
    """Return the features (crops, CHANNELS) of a uint8 RGB picture (3, H, W). Crops do not overlap, and what is left at
    the right and lower edges is not used.
    """
    import torch

    lpips = network("alex")
    rows, cols = picture.shape[1] // EDGE, picture.shape[2] // EDGE
    crops = picture[:, : rows * EDGE, : cols * EDGE].reshape(3, rows, EDGE, cols, EDGE)
    x = torch.from_numpy(crops.transpose(1, 3, 0, 2, 4).reshape(-1, 3, EDGE, EDGE) / np.float32(127.5) - 1)
    with torch.inference_mode():
        return lpips.net(lpips.scaling_layer(x))[-1].mean((2, 3)).numpy()


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return the distance of two sets of features (crops, CHANNELS). None if a covariance would not have full rank."""
    if min(len(first), len(second)) <= CHANNELS:
        return None
    (mean, spread), (other_mean, other_spread) = (
        (one.mean(0), np.cov(one, rowvar=False)) for one in (first.astype(np.float64), second.astype(np.float64))
    )
    values, vectors = np.linalg.eigh(spread)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ other_spread @ root).clip(0)).sum()
    return float(np.square(mean - other_mean).sum() + np.trace(spread) + np.trace(other_spread) - 2 * shared)
