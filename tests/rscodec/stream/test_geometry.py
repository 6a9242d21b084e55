"""Windows and grids: every pixel is in one tile, and a window knows which tiles it needs."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.raster.window import Window
from rscodec.stream.geometry import Grid, scattered

GRIDS = [Grid(1, 1, 64, 16), Grid(64, 64, 64, 16), Grid(65, 63, 64, 16), Grid(200, 150, 64, 16), Grid(300, 17, 128, 16)]
WINDOWS = [(0, 0, 1, 1), (63, 63, 2, 2), (17, 90, 150, 40), (190, 140, 40, 40), (70, 20, 0, 9)]


def test_windows_cut_and_grow():
    window = Window(10, 20, 30, 40)
    assert (window.right, window.bottom) == (40, 60)
    assert window.overlap(Window(0, 0, 20, 100)) == Window(10, 20, 10, 40)
    assert window.grown(5, Window(8, 0, 35, 100)) == Window(8, 15, 35, 50)
    assert window.overlap(Window(90, 0, 5, 5)).width < 0  # apart


def test_within_indexes_the_array_of_another_window():
    outer, inner = Window(4, 6, 10, 8), Window(5, 9, 3, 2)
    array = np.arange(80).reshape(8, 10)
    assert np.array_equal(array[inner.within(outer)], array[3:5, 1:4])


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_tiles_cover_every_pixel_once(grid: Grid):
    covered = np.zeros((grid.height, grid.width), int)
    for row in range(grid.rows):
        for col in range(grid.cols):
            covered[grid.tile(row, col).within(grid.scene)] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("tiles", [1, 2, 3])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_blocks_cover_every_pixel_once_and_are_whole_tiles(grid: Grid, tiles: int):
    covered = np.zeros((grid.height, grid.width), int)
    for block in grid.blocks(tiles):
        assert block.col % grid.edge == 0 and block.row % grid.edge == 0
        covered[block.within(grid.scene)] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("tiles", [1, 2])
def test_pieces_are_the_parts_of_blocks(window, tiles):
    grid, window = GRIDS[3], Window(*window)
    parts = [block.overlap(window) for block in grid.blocks(tiles)]
    assert grid.pieces(window, tiles) == [part for part in parts if part.width > 0 and part.height > 0]


@pytest.mark.parametrize("rows, cols", [(1, 1), (1, 40), (40, 1), (2, 2), (6, 6), (12, 12), (24, 5), (16, 64)])
def test_scattered_places_cover_a_grid_evenly(rows, cols):
    places = list(scattered(rows, cols))
    assert sorted(places) == [(row, col) for row in range(rows) for col in range(cols)]
    quadrants = {(2 * row // rows, 2 * col // cols) for row, col in places[:8]}
    assert len(quadrants) == min(2, rows) * min(2, cols)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_latents_of_the_tiles_make_up_those_of_the_scene(grid: Grid):
    covered = np.zeros((grid.latent_scene.height, grid.latent_scene.width), int)
    for row in range(grid.rows):
        for col in range(grid.cols):
            covered[grid.to_latents(grid.tile(row, col)).within(grid.latent_scene)] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("window", [(0, 0, 1, 1), (63, 63, 2, 2), (17, 90, 100, 3), (199, 149, 1, 1)])
def test_a_window_touches_the_tiles_it_needs_and_no_others(window):
    grid, window = Grid(200, 150, 64, 16), Window(*window)
    latents = grid.to_latents(window)
    pixels = grid.to_pixels(latents)
    assert pixels.overlap(window) == window and pixels.width < window.width + 32
    needed = [
        (row, col)
        for row in range(grid.rows)
        for col in range(grid.cols)
        if min(grid.to_latents(grid.tile(row, col)).overlap(latents)[2:]) > 0
    ]
    assert grid.touching(latents) == needed


def test_a_window_in_pieces():
    grid, window = Grid(300, 200, 64, 16), Window(50, 60, 210, 70)
    pieces = grid.pieces(window)
    covered = np.zeros((200, 300), int)
    for piece in pieces:
        covered[piece.row : piece.bottom, piece.col : piece.right] += 1
    assert covered.sum() == 210 * 70 and (covered[60:130, 50:260] == 1).all()
    assert pieces == sorted(pieces, key=lambda piece: (piece.row, piece.col)) and len(pieces) == 9
