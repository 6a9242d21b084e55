"""The ground of the simulated county: relief, sunlight and climate.

elevation      fractal, about 300 to 1700 m                                               m
light          cos(angle between sun and slope) / cos(sun's zenith angle), at least 0     1 on level ground
temperature    falls by 6 K per kilometre; varies a little with latitude and place        deg C, annual mean
precipitation  rises with height; varies with place                                       mm per year
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rscodec.synthetic.noise import View, fractal, smooth

PIXEL = 16.0  # m
SUN_ZENITH, SUN_AZIMUTH = np.radians(42.0), np.radians(150.0)  # late morning, from the south-east


@dataclass(frozen=True)
class Terrain:
    """All fields are (h,w). `slope` is rise over run."""

    elevation: np.ndarray
    slope: np.ndarray
    light: np.ndarray
    temperature: np.ndarray
    precipitation: np.ndarray


def terrain(view: View, seed: int) -> Terrain:
    ground = 1000 + 300 * fractal(view.grown(1), seed + 1, 260, 7, 0.48).astype(np.float64)
    east = (ground[1:-1, 2:] - ground[1:-1, :-2]) / (2 * PIXEL)
    south = (ground[2:, 1:-1] - ground[:-2, 1:-1]) / (2 * PIXEL)
    elevation = ground[1:-1, 1:-1]
    sun = np.sin(SUN_ZENITH) * np.sin(SUN_AZIMUTH), -np.sin(SUN_ZENITH) * np.cos(SUN_AZIMUTH), np.cos(SUN_ZENITH)
    facing = (sun[2] - sun[0] * east - sun[1] * south) / np.sqrt(1 + east**2 + south**2)
    kilometres = elevation / 1000
    return Terrain(
        elevation=elevation,
        slope=np.hypot(east, south),
        light=np.maximum(facing, 0) / sun[2],
        temperature=14 - 6 * kilometres + 0.5 * smooth(view, seed + 2, 400),
        precipitation=750 + 250 * kilometres + 110 * smooth(view, seed + 3, 500),
    )
