"""A carbon model in its weights file, and the maps that it draws.

    imagery, forest --seed 0, 1, ...--> maps --> mean: the estimate; deviation: its uncertainty

The file names the training data of the weights, and every output repeats it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from rscodec.carbon.base import CarbonModel
from rscodec.carbon.crops import Units, estimate_map
from rscodec.carbon.kinds import AnyConfig, build
from rscodec.models.model_file import read_model, write_model

FORMAT = "rscodec-carbon-1"
DRAWS = 8


class CarbonMapper:
    """A weights file on a device. `edge`: of the model's windows. `trained_on`: the training data, as text."""

    form = FORMAT

    def __init__(self, path: Path, device: str = "cpu"):
        file = read_model(path, FORMAT, "model of carbon", AnyConfig, facts=("units", "edge", "trained_on"))
        self.model, self.weights_hash, self.bands = file.model, file.weights_hash, file.config.bands
        self.edge, self.trained_on = file.facts["edge"], file.facts["trained_on"]
        self.units = Units(**file.facts["units"])
        self._device, self._net = device, file.load_into(build(file.config), (), device)

    def maps(
        self,
        imagery: np.ndarray,
        forest: np.ndarray,
        draws: int = DRAWS,
        progress: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """Draw maps in Mg/ha (n,h,w) from imagery (C,h,w), NaN outside `forest` (h,w). A deterministic model draws one
        map.
        """
        draws, found = draws if self._net.chance else 1, []
        for seed in range(draws):
            drawn = estimate_map(self._net, self.units, imagery, forest, self.edge, seed, self._device)
            found.append(np.where(forest, drawn, np.nan).astype(np.float32))
            if progress:
                progress(seed + 1, draws)
        return np.stack(found)


def write_weights(path: Path, model: str, net: CarbonModel, units: Units, edge: int, trained_on: str) -> None:
    """Write the weights file of a trained model."""
    write_model(path, FORMAT, model, net, (), units=asdict(units), edge=edge, trained_on=trained_on)
