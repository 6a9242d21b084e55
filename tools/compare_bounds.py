"""Compares bits per pixel at the same largest error: our codec, LERC and JPEG-LS.

    python tools/compare_bounds.py test/ucmerced test/naip --every 4          bands 1 to 3
    python tools/compare_bounds.py test/scenes16 --bands all

Every stream is decoded; if one exceeds the bound, the tool ends with an error. Our files include the scene's metadata;
the others contain pixels only. A row is the mean over the images of a folder.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import click
import numpy as np

import rscodec
from rscodec.bitstreams.errors import ToolMissing
from rscodec.eval import anchors
from rscodec.eval.datasets import images
from rscodec.raster.scene import Scene

SLACK = 1 + 1e-9  # LERC's parameter is converted from a percentage


def rival(name: str):
    try:
        return anchors.find(name).load()
    except ToolMissing as problem:
        click.echo(f"without {problem}", err=True)
        return None


def ours(scene: Scene, bound: float) -> tuple[int, np.ndarray]:
    data = rscodec.encode(scene, max_error=bound)
    return len(data), rscodec.decode(data).pixels


def theirs(anchor, pixels: np.ndarray, bound: float) -> tuple[int, np.ndarray]:
    spread = float(pixels.max()) - float(pixels.min())
    data = anchor.encode(pixels, bound if anchor.name == "jpegls" else SLACK * 100 * bound / max(spread, 1))
    return len(data), anchor.decode(data, pixels.shape, str(pixels.dtype))


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--max-error", "bounds", default="1,2,5,20", show_default=True)
@click.option("--bands", type=click.Choice(["1-3", "all"]), default="1-3", show_default=True)
@click.option("--every", default=1, show_default=True, help="Use every Nth image of each folder.")
@click.option("--each", is_flag=True, help="A row for each image.")
def main(sources: tuple[str, ...], bounds: str, bands: str, every: int, each: bool) -> None:
    rivals = [anchor for anchor in map(rival, ("lerc", "jpegls")) if anchor]
    click.echo("| images | E | ours | " + " | ".join(anchor.name for anchor in rivals) + " |")
    click.echo("| --- " * (3 + len(rivals)) + "|")
    rates = defaultdict(list)
    for source in sources:
        for image in images([source])[::every]:
            scene = Scene.load(image.path, (1, 2, 3) if bands == "1-3" else None)
            coded, valid = scene.pixels, scene.mask
            for bound in map(float, bounds.split(",")):
                row = [ours(scene, bound)] + [theirs(anchor, coded, bound) for anchor in rivals]
                for _, decoded in row:
                    if np.abs(decoded.astype(float) - coded)[valid].max() > bound:
                        sys.exit(f"{image.name} differs from the original by more than {bound:g}")
                bpp = [8 * size / coded[0].size for size, _ in row]
                rates[image.name if each else str(Path(image.name).parent), bound].append(bpp)
    for (name, bound), found in rates.items():
        numbers = " | ".join(f"{rate:.3f}" for rate in np.mean(found, axis=0))
        click.echo(f"| {name}{'' if each else f' ({len(found)})'} | {bound:g} | {numbers} |")


if __name__ == "__main__":
    main()
