"""The canopy of the simulated county, pixel by pixel: closure and height of crowns.

closure   1 - exp(-2.2 * stocking) for a grown stand, uneven, with gaps where stocking is low    0..1
top       height of the crowns' tops: the height of the stand, uneven                            m
height    top * closure: the mean over the pixel of a canopy height model                        m
lidar     measured height, with an error of half a metre                                         m
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rscodec.carbon.simulation.stands import Stands
from rscodec.synthetic.noise import View, bell, fractal, smooth


@dataclass(frozen=True)
class Canopy:
    """All fields are (h,w), and zero outside forest."""

    closure: np.ndarray
    top: np.ndarray
    lidar: np.ndarray

    @property
    def height(self) -> np.ndarray:
        return self.top * self.closure


def canopy(view: View, seed: int, stands: Stands) -> Canopy:
    forest, stocking = stands.of("forest"), stands.of("stocking")
    grown = 1 - np.exp(-stands.of("age") / 9)
    closure = (1 - np.exp(-2.2 * stocking)) * grown * (1 + 0.13 * fractal(view, seed + 31, 14, 3))
    gap = smooth(view, seed + 32, 3.5) > 0.6 + 2.2 * stocking
    closure = np.where(forest, np.clip(np.where(gap, 0.15 * closure, closure), 0, 0.97), 0)
    top = np.where(forest, stands.of("height") * np.clip(1 + 0.10 * fractal(view, seed + 33, 9, 2), 0.5, 1.5), 0)
    lidar = np.maximum(top * closure + 0.5 * bell(seed + 34, *view.coordinates()), 0)
    return Canopy(closure, top, np.where(forest, lidar, 0))
