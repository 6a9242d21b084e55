"""Measures what a Zarr store of independent chunks loses against one stream of the scene: bytes, and PSNR at borders.

python tools/bench_zarr.py SCENE --bands 1-4 --chunks 128 256 384
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import rscodec
from rscodec.cli.options import BandList
from rscodec.integrations.chunk_codec import ChunkCodec
from rscodec.metrics.pixels import Difference

RIM = 8  # pixels on either side of a border between chunks


def through_chunks(codec: ChunkCodec, pixels: np.ndarray, edge: int) -> tuple[np.ndarray, int]:
    """The decoded pixels, and the number of bytes."""
    back, size = np.empty_like(pixels), 0
    for row in range(0, pixels.shape[1], edge):
        for col in range(0, pixels.shape[2], edge):
            chunk = np.s_[:, row : row + edge, col : col + edge]
            data = codec.encode(pixels[chunk])
            back[chunk], size = codec.decode(data), size + len(data)
    return back, size


def near_borders(shape: tuple[int, int], edge: int) -> np.ndarray:
    """Pixels close to a border between two chunks. Pixels at the edge of the scene do not count."""
    near = [np.zeros(size, bool) for size in shape]
    for line in near:
        for border in range(edge, len(line), edge):
            line[border - RIM : border + RIM] = True
    return near[0][:, None] | near[1][None]


def psnr(original: np.ndarray, back: np.ndarray, where: np.ndarray) -> float:
    difference = Difference(str(original.dtype))
    difference.add(original, back, np.broadcast_to(where, original.shape))
    return difference.psnr_db


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("scene", type=Path)
    parser.add_argument("--bands", type=lambda text: BandList().convert(text, None, None), help="4,3,2 or 1-4")
    parser.add_argument("--chunks", type=int, nargs="+", default=[128, 256, 512], help="edges in pixels")
    parser.add_argument("-q", "--quality", type=float, default=5, help="quality, 2 to 6; 5 by default")
    settings = parser.parse_args()

    unit = int(np.lcm.reduce(settings.chunks))
    pixels = rscodec.Scene.load(settings.scene, settings.bands).pixels
    height, width = (size // unit * unit for size in pixels.shape[1:])
    pixels = np.ascontiguousarray(pixels[:, :height, :width])
    print(f"{settings.scene.name}, {width} x {height} x {len(pixels)} {pixels.dtype}, quality {settings.quality:g}")

    everywhere, curve = np.ones((height, width), bool), {}
    for quality in (settings.quality + step for step in (-1, 0, 1, 2)):
        data = rscodec.encode(pixels, quality)
        back = rscodec.decode(data).pixels
        curve[psnr(pixels, back, everywhere)] = len(data)
        if quality == settings.quality:
            native = back
            print(f"one stream     {len(data):8d} bytes  {psnr(pixels, back, everywhere):.2f} dB")
    for edge in settings.chunks:
        back, size = through_chunks(ChunkCodec(settings.quality), pixels, edge)
        whole, near = psnr(pixels, back, everywhere), near_borders((height, width), edge)
        alike = np.exp(np.interp(whole, list(curve), np.log(list(curve.values()))))
        there = psnr(pixels, back, near) - whole, psnr(pixels, native, near) - psnr(pixels, native, everywhere)
        print(
            f"chunks of {edge:4d} {size:8d} bytes  {whole:.2f} dB, {size / alike - 1:+.1%} over one stream with this "
            f"PSNR; near borders {there[0]:+.2f} dB (one stream there {there[1]:+.2f} dB)",
            flush=True,
        )


if __name__ == "__main__":
    main()
