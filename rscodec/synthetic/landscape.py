"""Paints the reflectance of the synthetic scene, layer over layer.

    parcels in rows      a tilted, slightly bent grid; a smooth field chooses town, farm or forest; grass lies under all
    farms                strips of crops with rows, tracks, circles of pivot irrigation
    towns                streets, lots with a roof of two unequally lit halves, shadows, gardens, pools; malls
    trees                at most one for each cell of a fine grid: crown, lit side, shadow
    river, lakes         a contour of another smooth field, with sandy banks and trees
    roads                between parcels, over the river
    terrain              shades everything

Every layer has a material (its spectrum), a coverage (0..1 for each pixel) and a brightness.
"""

from __future__ import annotations

import numpy as np

from rscodec.synthetic.noise import View, fractal, hashed, smooth, smooth_at

WAVELENGTHS = (443, 490, 560, 665, 705, 783, 865, 945, 1240, 1610, 2300)
SPECTRA = {
    "grass": (0.035, 0.045, 0.085, 0.060, 0.130, 0.330, 0.380, 0.370, 0.350, 0.210, 0.100),
    "crop": (0.028, 0.038, 0.078, 0.040, 0.120, 0.430, 0.480, 0.470, 0.430, 0.220, 0.090),
    "tree": (0.018, 0.024, 0.046, 0.030, 0.075, 0.280, 0.330, 0.320, 0.280, 0.140, 0.060),
    "straw": (0.090, 0.115, 0.165, 0.210, 0.230, 0.280, 0.300, 0.310, 0.360, 0.370, 0.270),
    "soil": (0.060, 0.080, 0.115, 0.150, 0.170, 0.210, 0.240, 0.260, 0.310, 0.340, 0.280),
    "sand": (0.150, 0.180, 0.220, 0.260, 0.270, 0.290, 0.310, 0.320, 0.370, 0.400, 0.360),
    "asphalt": (0.085, 0.092, 0.100, 0.105, 0.108, 0.112, 0.118, 0.120, 0.130, 0.140, 0.140),
    "concrete": (0.160, 0.180, 0.205, 0.220, 0.225, 0.235, 0.240, 0.245, 0.260, 0.270, 0.250),
    "tiles": (0.065, 0.075, 0.110, 0.200, 0.215, 0.240, 0.260, 0.265, 0.300, 0.320, 0.280),
    "slate": (0.095, 0.105, 0.115, 0.118, 0.120, 0.125, 0.130, 0.132, 0.140, 0.145, 0.140),
    "white": (0.290, 0.310, 0.325, 0.330, 0.330, 0.335, 0.335, 0.330, 0.320, 0.300, 0.270),
    "water": (0.040, 0.046, 0.048, 0.026, 0.020, 0.012, 0.009, 0.007, 0.004, 0.002, 0.001),
    "pool": (0.160, 0.230, 0.230, 0.080, 0.050, 0.020, 0.015, 0.010, 0.006, 0.003, 0.002),
}
SHADOW = 0.42  # share of the light that is left
SUN = (-0.6, -0.8)  # the light comes from the upper left
TILT = (np.float32(np.cos(0.28)), np.float32(np.sin(0.28)))
ROW = 222.0  # height of a row of parcels, in pixels
STREET = ROW / 3  # pixels between two streets of a town
TREE = 9.0  # size of the cells that hold a tree


class Landscape:
    """The window `view` of the land of a seed. A pixel is one metre."""

    def __init__(self, view: View, wavelengths: list[int], seed: int):
        self.view, self.seed = view, seed
        self.spectra = {
            name: np.interp(wavelengths, WAVELENGTHS, spectrum).astype(np.float32)[:, None, None]
            for name, spectrum in SPECTRA.items()
        }
        self.ground = np.zeros((len(wavelengths), view.height, view.width), np.float32)
        self.x, self.y = np.broadcast_arrays(*view.coordinates())
        self.patches = 1 + 0.09 * fractal(view, seed + 1, 40, 4, 0.65)
        self._survey()

    def paint(self) -> np.ndarray:
        """Reflectance (B,h,w)."""
        depth = self.river()
        self._meadows()
        self._farms()
        self._towns()
        self._trees(depth)
        self._layer("sand", _edge(depth + 5) * (1 - self.town), 0.75 * self.patches)
        self._layer("water", _edge(depth), 1 + 0.15 * smooth(self.view, self.seed + 7, 70))
        self._roads()
        return self.ground * self._terrain()

    def _layer(self, material: str, where: np.ndarray, brightness=1.0) -> None:
        if where.any():
            self.ground += where * (self.spectra[material] * brightness - self.ground)

    def _shade(self, where: np.ndarray) -> None:
        self.ground *= 1 - (1 - SHADOW) * where

    def _survey(self) -> None:
        """Compute the parcels: coordinates u (along) and v (across), position within the parcel, size, and use."""
        bend = 9 * smooth(self.view, self.seed + 11, 420)
        self.u = self.x * TILT[0] + self.y * TILT[1] + bend
        self.v = self.y * TILT[0] - self.x * TILT[1] + bend
        self.row = np.floor(self.v / ROW)
        self.length = 230 + 170 * hashed(self.seed + 12, self.row)
        shifted = self.u + 997 * hashed(self.seed + 13, self.row)
        self.column = np.floor(shifted / self.length)
        self.along = shifted - self.column * self.length
        self.across = self.v - self.row * ROW
        self.border = np.minimum(_to_edge(self.along, self.length), _to_edge(self.across, ROW))

        middle_u = self.u - self.along + self.length / 2
        middle_v = self.v - self.across + ROW / 2
        use = 1.3 * smooth_at(self.seed + 14, middle_u, middle_v, 700) + 0.45 * (self._lottery(15) - 0.5)
        self.town = (use > 0.18).astype(np.float32)
        self.farm = ((use <= 0.18) & (use > -0.45)).astype(np.float32)
        self.forest = (use <= -0.45).astype(np.float32)
        self.mall = self.town * (self._lottery(16) < 0.12)
        self.homes = self.town - self.mall

    def _lottery(self, ticket: int, *more: np.ndarray) -> np.ndarray:
        """A random number 0..1 for each parcel, or for each part of a parcel, as numbered by `more`."""
        return hashed(self.seed + ticket, self.row, self.column, *more)

    def river(self) -> np.ndarray:
        """Distance of each pixel from the shore, in pixels; negative on land."""
        field = fractal(self.view.grown(1), self.seed + 21, 640, 4, 0.3)
        slope = np.hypot(field[1:-1, 2:] - field[1:-1, :-2], field[2:, 1:-1] - field[:-2, 1:-1]) / 2
        distance = np.abs(field[1:-1, 1:-1]) / np.maximum(slope, 0.0012)
        return 13 + 4 * smooth(self.view, self.seed + 22, 150) - distance

    def _meadows(self) -> None:
        self._layer("grass", np.ones_like(self.patches), self.patches)
        dry = _unit(0.25 + 0.25 * fractal(self.view, self.seed + 31, 110, 5, 0.6))
        self._layer("straw", 0.7 * dry, self.patches)

    def _farms(self) -> None:
        """Paint strips along or across a parcel, each with its crop and rows. Some fields are irrigated circles."""
        lengthwise = self._lottery(41) < 0.5
        position = np.where(lengthwise, self.across, self.along)
        extent = np.where(lengthwise, ROW, self.length)
        strips = 1 + np.floor(3.99 * self._lottery(42) ** 1.5)
        strip = np.floor(position / extent * strips)
        furrow = position - strip * extent / strips
        radius = np.minimum(self.length, ROW) / 2 - 9
        away = np.hypot(self.along - self.length / 2, self.across - ROW / 2)
        pivot = (self._lottery(43) < 0.16) & (radius > 60)
        strip, furrow = np.where(pivot, 9, strip), np.where(pivot, away, furrow)

        inside = np.minimum(self.border - 7, np.minimum(furrow, extent / strips - furrow) - 2)
        where = self.farm * _edge(np.where(pivot, radius - away, inside))
        crop, tone = self._lottery(44, strip), 0.8 + 0.4 * self._lottery(45, strip)
        spacing = 4 + 5 * self._lottery(46, strip)
        rows = np.sin(furrow * (2 * np.pi / spacing)) * (0.04 + 0.12 * self._lottery(47, strip))
        growth = fractal(self.view, self.seed + 48, 130, 5, 0.55)
        brightness = tone * (1 + rows + 0.05 * growth) * self.patches**0.6
        self._layer("soil", where, brightness)
        self._layer("straw", where * _unit((crop - 0.62) * 30), brightness)
        cover = _unit(0.9 + 0.25 * growth + 2 * rows)
        self._layer("crop", where * cover * (crop < 0.42), brightness)
        self._layer("grass", where * cover * ((crop >= 0.42) & (crop < 0.52)), brightness * 1.15)

    def _towns(self) -> None:
        lawn = self.town * (0.85 + 0.3 * self._lottery(51))
        self._layer("grass", self.town * 0.8, 0.95 * self.patches * lawn)
        self._malls(self.mall * _edge(self.border - 8))
        self._houses(self.homes)
        self._layer("asphalt", self.homes * _edge(4.5 - self._to_street()))
        self._layer("concrete", self.homes * _edge(1 - np.abs(self._to_street() - 7)), 0.8)

    def _to_street(self) -> np.ndarray:
        return np.minimum(_to_edge(np.mod(self.across, STREET), STREET), self.border)

    def _houses(self, where: np.ndarray) -> None:
        """Paint a house on each lot. There are two rows of lots between two streets."""
        if not where.any():
            return
        lots = np.floor(self.length / 29)
        for shadow in (True, False):
            shift = 4.5 if shadow else 0.0
            along, across = self.along - shift * 0.8, self.across - shift * 0.6
            lot_a, lot_b = np.floor(along / self.length * lots), np.floor(across / (STREET / 2))
            chance = [self._lottery(60 + k, lot_a, lot_b) for k in range(7)]
            front = np.where(np.mod(lot_b, 2) == 0, -1, 1)  # the side of the street
            a = along - (lot_a + 0.5) * self.length / lots - 3 * (chance[0] - 0.5)
            b = across - (lot_b + 0.5) * (STREET / 2) + 3 * front
            half_a, half_b = 6.5 + 4 * chance[1], 5.5 + 3.5 * chance[2]
            house = where * _edge(np.minimum(half_a - np.abs(a), half_b - np.abs(b))) * (chance[3] < 0.94)
            if shadow:
                self._shade(house)
        ridge = np.where(half_a > half_b, b, a)
        brightness = (0.75 + 0.5 * chance[4]) * np.where(ridge < 0, 1.15, 0.72)
        drive = where * _edge(2 - np.abs(a - half_a + 2)) * (b * front > 0)
        self._layer("concrete", drive, 0.85)
        self._layer("slate", house, brightness)
        self._layer("tiles", house * (chance[5] < 0.42), brightness)
        self._layer("white", house * (chance[5] > 0.9), brightness * 0.9)
        away = np.hypot((a + half_a - 3) / 1.5, b + front * (half_b + 5))
        self._layer("pool", where * _edge(2.4 - away) * (chance[6] < 0.15))

    def _malls(self, where: np.ndarray) -> None:
        """Paint flat roofs, surrounded by parked cars."""
        if not where.any():
            return
        self._layer("asphalt", where, 1.05 * self.patches**0.5)
        stall_a, stall_b = np.floor(self.along / 3.2), np.floor(self.across / 7)
        lane = np.mod(stall_b, 3) != 0
        in_stall = (np.mod(self.along, 3.2) > 0.8) & (np.mod(self.across, 7) > 1.4) & lane
        car = where * in_stall * (self._lottery(71, stall_a, stall_b) < 0.55)
        self._layer("white", car, 0.15 + 1.1 * self._lottery(72, stall_a, stall_b) ** 2)
        halls = np.floor(self.length / 110)
        for shadow in (True, False):
            shift = 7 if shadow else 0
            along, across = self.along - shift * 0.8, self.across - shift * 0.6
            hall = np.floor(along / self.length * halls)
            a = along - (hall + 0.5) * self.length / halls
            half_a = self.length / halls * (0.28 + 0.14 * self._lottery(73, hall))
            half_b = 40 + 25 * self._lottery(74, hall)
            roof = where * _edge(np.minimum(half_a - np.abs(a), half_b - np.abs(across - ROW / 2)))
            if shadow:
                self._shade(roof)
        tone = 0.75 + 0.4 * self._lottery(75, hall)
        vent = hashed(self.seed + 76, np.floor(self.along / 6), np.floor(self.across / 6)) > 0.93
        self._layer("concrete", roof, tone)
        self._layer("white", roof * (self._lottery(77, hall) < 0.5), tone)
        self._layer("slate", roof * vent, 0.7)

    def _trees(self, depth: np.ndarray) -> None:
        """Paint crowns with a lit and a dark side, and their shadows."""
        groves = fractal(self.view, self.seed + 81, 140, 4, 0.6)
        wish = self.forest * _unit(0.9 + 0.5 * groves)
        wish = np.maximum(wish, _unit((depth + 34) / 16) * 0.75 * (1 - self.town))
        wish = np.maximum(wish, self.homes * (0.11 + 0.09 * groves) * (self._to_street() > 5))
        hedges = 0.5 * _unit(0.6 * groves - 0.3) * _edge(7 - self.border)
        wish = np.maximum(wish, self.farm * (0.003 + hedges))
        if not wish.any():
            return
        dense = _unit((wish - 0.5) * 4)
        self._layer("tree", dense * 0.9, 0.5)
        for shadow in (True, False):
            shift = 3.0 if shadow else 0.0
            crown, light, tone = _crowns(self.x + shift * SUN[0], self.y + shift * SUN[1], wish, self.seed)
            if shadow:
                self._shade(crown * (1 - dense))
        self._layer("tree", crown, (1.15 + 0.75 * light) * tone * self.patches)

    def _roads(self) -> None:
        """Paint paved roads between rows of parcels and around towns, and tracks elsewhere."""
        main = _to_edge(self.across, ROW)
        side = _to_edge(self.along, self.length)
        half = np.where(np.mod(self.row, 3) == 0, 6.5, 3.8)
        self._layer("straw", _edge(half + 2.5 - main) * 0.6, 0.8)
        self._layer("asphalt", _edge(half - main), 0.95 + 0.25 * hashed(self.seed + 91, self.row))
        self._layer("asphalt", self.town * _edge(4 - side))
        self._layer("soil", (1 - self.town) * (1 - self.forest) * _edge(1.8 - side), 1.1)
        dashes = (half > 6) & (np.mod(self.u, 12) < 5)
        self._layer("white", dashes * _edge(0.7 - main) * 0.8, 1.0)

    def _terrain(self) -> np.ndarray:
        """The factor (h,w) by which slopes light or darken each pixel."""
        height = fractal(self.view.grown(1), self.seed + 95, 520, 6, 0.48)
        rise_x, rise_y = height[1:-1, 2:] - height[1:-1, :-2], height[2:, 1:-1] - height[:-2, 1:-1]
        return np.clip(1 + 9 * (rise_x * -SUN[0] + rise_y * -SUN[1]) * (1 - 0.7 * self.town), 0.6, 1.4)


def _crowns(x: np.ndarray, y: np.ndarray, wish: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cover 0..1, light -1..1 and tone of the nearest tree. Trees are likely where `wish` (0..1) is high."""
    cell_x, cell_y = np.floor(x / TREE), np.floor(y / TREE)
    best = np.full(x.shape, -1, np.float32)
    light, tone = np.zeros_like(best), np.ones_like(best)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            at = cell_x + i, cell_y + j
            dx = x - (at[0] + 0.15 + 0.7 * hashed(seed + 82, *at)) * TREE
            dy = y - (at[1] + 0.15 + 0.7 * hashed(seed + 83, *at)) * TREE
            size = 2.6 + 4.2 * hashed(seed + 84, *at)
            height = 1 - (dx * dx + dy * dy) / (size * size)
            nearer = (height > best) & (hashed(seed + 85, *at) < wish)
            best = np.where(nearer, height, best)
            light = np.where(nearer, (dx * SUN[0] + dy * SUN[1]) / size, light)
            tone = np.where(nearer, 0.75 + 0.5 * hashed(seed + 86, *at), tone)
    return _unit(best * 4), light, tone


def _edge(inside: np.ndarray) -> np.ndarray:
    """Distance inside an outline, in pixels -> covered share of the pixel."""
    return _unit(inside + 0.5)


def _unit(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 1)


def _to_edge(position: np.ndarray, length) -> np.ndarray:
    return np.minimum(position, length - position)
