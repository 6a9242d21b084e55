"""Makes the picture of README: one place as JPEG2000, as rscodec, and the original, at the same number of bytes.

    RSCODEC_DATA=... python tools/make_picture.py

Nobody chooses the place: of the images in results.csv, it is the one whose BD-rate against JPEG2000 is the median (the
higher of the two in the middle of an even number). The crop is its centre. Bytes and PSNR are those of the whole image.
JPEG2000 gets the smallest file that is not smaller than ours.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import rscodec
from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import InputError
from rscodec.cli.main import Tool
from rscodec.eval.anchors.jpeg2000 import Jpeg2000
from rscodec.eval.bd import image_delta
from rscodec.eval.table import open_text
from rscodec.metrics.pixels import psnr
from rscodec.models.registry import DEFAULT_CODEC

ROOT = Path(__file__).resolve().parent.parent
OURS = f"rscodec:{DEFAULT_CODEC}"
PANEL, GAP, TEXT = 300, 8, 44  # pixels: edge of a panel, space between panels, height of the text under them
TRIES = 30


def median_image(table: Path) -> tuple[str, float]:
    """The image of the median BD-rate (PSNR) of rscodec against JPEG2000, and this BD-rate in percent."""
    curves = defaultdict(lambda: defaultdict(list))
    with open_text(table) as file:
        for row in csv.DictReader(file):
            curves[row["image"]][row["codec"]].append((float(row["rate_bpp_file"]), float(row["psnr_db"])))
    found = {image: image_delta(points["jpeg2000"], points[OURS]) for image, points in curves.items()}
    gains = sorted((delta[0], image) for image, delta in found.items() if delta)
    if not gains:
        raise InputError(f"{table} has no image with curves of {OURS} and jpeg2000")
    gain, image = gains[len(gains) // 2]
    return image, gain


def jpeg2000_at(pixels: np.ndarray, size: int) -> bytes:
    """The smallest JPEG2000 file that is not smaller than `size`, found by bisection of the compression ratio."""
    anchor = Jpeg2000()
    low, high = 1.0, 2.0 * pixels.nbytes / size  # ratios: too many bytes, too few bytes
    best = anchor.encode(pixels, low)
    for _ in range(TRIES):
        ratio = (low + high) / 2
        data = anchor.encode(pixels, ratio)
        if len(data) < size:
            high = ratio
        else:
            low, best = ratio, min(best, data, key=len)
    return best


def picture(panels: list[tuple[np.ndarray, str]], crop: int) -> Image.Image:
    """The centres of images (bands, rows, columns) side by side, magnified, each with its text below."""
    canvas = Image.new("RGB", (len(panels) * (PANEL + GAP) - GAP, PANEL + TEXT), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    for number, (pixels, text) in enumerate(panels):
        row, col = ((edge - crop) // 2 for edge in pixels.shape[1:])
        part = pixels[:, row : row + crop, col : col + crop].transpose(1, 2, 0)
        left = number * (PANEL + GAP)
        canvas.paste(Image.fromarray(part).resize((PANEL, PANEL), Image.Resampling.NEAREST), (left, 0))
        draw.multiline_text((left, PANEL + 4), text, "black", font, spacing=3)
    return canvas


@click.command(cls=Tool)
@click.option(
    "--table",
    type=click.Path(path_type=Path, exists=True),
    default=ROOT / "docs/results/2026-11-30/rgb/results.csv.gz",
    show_default="docs/results/2026-11-30/rgb/results.csv.gz",
    help="Results of `rscodec eval rd`, from which the image is taken.",
)
@click.option("--quality", type=float, default=3, show_default=True, help="Quality of rscodec.")
@click.option("--crop", type=int, default=150, show_default=True, help="Edge of the crop in pixels.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=ROOT / "docs/images/same_bytes.png",
    show_default="docs/images/same_bytes.png",
    help="The picture to write.",
)
def main(table: Path, quality: float, crop: int, output: Path) -> None:
    """Make the picture of README. The images lie in the folder that RSCODEC_DATA names."""
    name, gain = median_image(table)
    pixels = rscodec.Scene.load(Path(os.environ.get("RSCODEC_DATA", "")) / name, (1, 2, 3)).pixels
    ours = rscodec.encode(pixels, quality=quality)
    theirs = jpeg2000_at(pixels, len(ours))
    panels = []
    for title, data, decoded in (
        ("JPEG2000", theirs, Jpeg2000().decode(theirs, pixels.shape, "uint8")),
        (f"rscodec, quality {quality:g}", ours, rscodec.decode(ours).pixels),
    ):
        mse = np.square(pixels.astype(float) - decoded).mean()
        panels.append((decoded, f"{title}\n{len(data):,} bytes, {psnr(mse, 255):.1f} dB"))
    panels.append((pixels, f"original\n{pixels.nbytes:,} bytes"))
    output.parent.mkdir(parents=True, exist_ok=True)
    with AtomicPath(output, overwrite=True) as path:
        picture(panels, crop).save(path, "PNG", optimize=True)
    click.echo(f"{output}: {name}, whose BD-rate of {gain:.1f} % is the median")


if __name__ == "__main__":
    main()
