"""Satellite imagery of the simulated county: four bands of 16 m, by a geometric-optical model of forests.

    crowns are spheroids on stems, scattered over the ground; a pixel is a mixture of four parts (Li & Strahler 1985)

        lit ground      (1 - c) ^ (1 / cos t)      c closure, tan t = top / (2 radius) * tan(sun's zenith angle)
        shaded ground   (1 - c) - lit ground
        lit crown       c * (1 + cos(sun's zenith angle)) / 2 * (1 - 0.35 * (1 - exp(-top / 12)))
        shaded crown    c - lit crown                tall canopies shade themselves; that saturates, and so does closure

    crown       spectrum of the species, by leaf area (young and poor crowns let the ground through) and vigour
    ground      understorey: grass, litter and soil, patchy
    texture     a pixel holds n = c * 256 m2 / (pi * radius^2) crowns: its share of lit crown deviates by 0.4 / sqrt(n),
                so the large crowns of old stands look rough, and small crowns look smooth
    terrain     direct light by slope, diffuse light from everywhere
    haze        patchy; adds light, most in blue, and dims the ground
    sensor      point spread of half a pixel, noise of 0.001 + 0.8 % of the signal, reflectance * 10000 as uint16

So reflectance alone says little about the carbon of a closed forest: it saturates, and it also depends on species,
vigour, understorey, slope and haze. The neighbourhood of a pixel says more.
"""

from __future__ import annotations

import numpy as np

from rscodec.carbon.simulation.canopy import Canopy
from rscodec.carbon.simulation.stands import OPEN_LAND, SPECIES, Stands
from rscodec.carbon.simulation.terrain import PIXEL, SUN_ZENITH, Terrain
from rscodec.synthetic.noise import View, bell, fractal, smooth

BANDS = ("blue", "green", "red", "nir")
CROWNS = {
    "broadleaf": (0.030, 0.056, 0.033, 0.42),
    "pine": (0.027, 0.043, 0.031, 0.28),
    "spruce": (0.022, 0.035, 0.024, 0.25),
    "larch": (0.030, 0.055, 0.034, 0.33),
}
GROUND = {
    "grass": (0.040, 0.080, 0.058, 0.33),
    "litter": (0.060, 0.085, 0.110, 0.24),
    "meadow": (0.042, 0.084, 0.060, 0.36),
    "crop": (0.036, 0.072, 0.045, 0.43),
    "soil": (0.090, 0.120, 0.160, 0.24),
}
SHADE = (0.22, 0.26, 0.24, 0.42)  # share of sunlight in the shade; leaves scatter near infrared into it
DIFFUSE = (0.30, 0.22, 0.16, 0.09)
PATH = (0.040, 0.026, 0.015, 0.004)  # reflectance that haze adds
DN = 10_000


def imagery(view: View, seed: int, land: Terrain, stands: Stands, trees: Canopy) -> np.ndarray:
    """The imagery as uint16 (4,h,w)."""
    x, y = view.coordinates()
    ground = _ground(view, seed, land, stands)
    crown, radius = _crowns(view, seed, stands, ground)
    lit_ground, lit_crown = _lit(trees, radius, bell(seed + 45, x, y))
    shade = _bands(SHADE)
    surface = ground * (lit_ground + shade * (1 - trees.closure - lit_ground))
    surface = surface + crown * (lit_crown + shade * (trees.closure - lit_crown))
    diffuse = _bands(DIFFUSE)
    surface = surface * ((1 - diffuse) * land.light + diffuse)
    haze = _bands(PATH) * np.maximum(1 + 0.35 * smooth(view, seed + 46, 300), 0)
    seen = _spread(surface * (1 - 2 * haze) + haze)
    noise = np.stack([bell(seed + 47 + band, x, y) for band in range(len(BANDS))])
    return np.clip(np.rint(DN * (seen + (0.001 + 0.008 * seen) * noise)), 1, 65535).astype(np.uint16)


def _lit(trees: Canopy, radius: np.ndarray, luck: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shares of lit ground and lit crown in a pixel."""
    reach = np.arctan(trees.top / (2 * radius) * np.tan(SUN_ZENITH))
    ground = (1 - trees.closure) ** (1 / np.cos(reach))
    crown = trees.closure * (1 + np.cos(SUN_ZENITH)) / 2 * (1 - 0.35 * (1 - np.exp(-trees.top / 12)))
    count = np.maximum(trees.closure * PIXEL**2 / (np.pi * radius**2), 1)
    return ground, np.clip(crown * (1 + 0.4 / np.sqrt(count) * luck), 0, trees.closure)


def _crowns(view: View, seed: int, stands: Stands, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The spectrum of crowns (4,h,w) and their radius (h,w)."""
    spectra = np.array([CROWNS[kind.name] for kind in SPECIES]).T
    share, first, second = stands.of("share"), stands.of("species"), stands.of("second")
    leaves = spectra[:, first] * (1 - share) + spectra[:, second] * share
    vigour = 1 + 0.05 * fractal(view, seed + 41, 60, 3) + 0.06 * bell(seed + 42, stands.label)
    leaf_area = (1.5 + 3 * (1 - np.exp(-stands.of("age") / 20))) * vigour
    opaque = 1 - np.exp(-0.6 * leaf_area)
    at, per_metre = np.array([kind.crown for kind in SPECIES]).T
    radius = at[first] + per_metre[first] * stands.of("height")
    return vigour * (leaves * opaque + 0.5 * ground * (1 - opaque)), radius


def _ground(view: View, seed: int, land: Terrain, stands: Stands) -> np.ndarray:
    """The spectrum (4,h,w) of the ground, under trees and in the open."""
    wet = np.clip(0.5 + (land.precipitation - 950) / 600 + 0.22 * fractal(view, seed + 43, 35, 4, 0.6), 0, 1)
    bare = np.clip(0.25 * fractal(view, seed + 44, 50, 4, 0.6) - 0.1, 0, 0.6)
    soil = _bands(GROUND["soil"])
    understorey = _bands(GROUND["grass"]) * wet + _bands(GROUND["litter"]) * (1 - wet)
    understorey = understorey * (1 - bare) + soil * bare
    fields = np.array([GROUND[name] for name in OPEN_LAND]).T[:, stands.of("open_land")]
    fields = fields * (0.75 + 0.25 * wet) + soil * 0.25 * (1 - wet)
    return np.where(stands.of("forest"), understorey, fields)


def _spread(image: np.ndarray) -> np.ndarray:
    """Apply the point spread function: (1, 6, 1) / 8 along both axes, with repeated edges."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)), "edge")
    rows = (padded[:, :-2] + 6 * padded[:, 1:-1] + padded[:, 2:]) / 8
    return (rows[:, :, :-2] + 6 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 8


def _bands(values: tuple[float, ...]) -> np.ndarray:
    return np.array(values)[:, None, None]
