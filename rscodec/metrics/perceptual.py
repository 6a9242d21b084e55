"""LPIPS, version 0.1, of AlexNet, or of SqueezeNet, to judge a network that was trained on the former. The package
`lpips` brings the metric's own layers. The ImageNet weights are looked up in this order:

$RSCODEC_METRIC_WEIGHTS, or metric-weights beside $RSCODEC_DATA    the files of TRUNKS: no download needed
else                                                              the package's own download
else                                                              MetricUnavailable, which reports show
"""

from __future__ import annotations

import os
import warnings
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rscodec.bitstreams.errors import MetricUnavailable

if TYPE_CHECKING:
    import torch

TRUNKS = {"alex": "alexnet_features.pth", "squeeze": "squeezenet1_1_features.pth"}
EDGE = 64  # AlexNet's pooling leaves no pixel of smaller images


def weights_folder() -> Path | None:
    """The folder with weights of metrics, if there is one."""
    for variable, inside in (("RSCODEC_METRIC_WEIGHTS", "."), ("RSCODEC_DATA", "../metric-weights")):
        value = os.environ.get(variable)
        if value and (Path(value) / inside).is_dir():
            return Path(value) / inside
    return None


@cache
def network(net: str):
    """The metric with its weights, loaded once."""
    import lpips
    import torch

    folder = weights_folder()
    trunk = folder / TRUNKS[net] if folder else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's renamed arguments, inside lpips
        if trunk is None or not trunk.is_file():
            try:
                return lpips.LPIPS(net=net, verbose=False)
            except OSError as problem:
                raise MetricUnavailable(
                    f"LPIPS needs the weights of a network: their download failed ({problem}); "
                    f"put {TRUNKS[net]} into a folder and name it in RSCODEC_METRIC_WEIGHTS"
                ) from None
        found = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    state = torch.load(trunk, map_location="cpu", weights_only=True)
    ours = found.net.state_dict()
    for key in ours:  # sliceN.K.weight <- features.K.weight
        ours[key] = state["features." + key.split(".", 1)[1]]
    found.net.load_state_dict(ours)
    return found.eval()


@cache
def network_on(device: str):
    """The metric on a device. Its layers are constants."""
    return deepcopy(network("alex")).to(device).requires_grad_(False)


def lpips_distance(original: np.ndarray, decoded: np.ndarray, net: str = "alex") -> float:
    """LPIPS of two uint8 RGB pictures (3, H, W) of at least EDGE pixels a side; 0 means identical."""
    import torch

    measure = network(net)
    a, b = (torch.from_numpy(side.astype(np.float32))[None] / 127.5 - 1 for side in (original, decoded))
    with torch.inference_mode():
        return float(measure(a, b))


def perceptual(made: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    """LPIPS (B,) of images (B, 3, H, W) in 0..1, with a gradient for `made`."""
    import torch

    measure = network_on(str(made.device))
    with torch.autocast(made.device.type, enabled=False):
        return measure(made.float(), original.float(), normalize=True).flatten()
