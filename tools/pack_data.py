"""Pack training imagery into one shard, a zip of 8-bit RGB images that `rscodec.training.data` reads.

    RSCODEC_DATA=... python tools/pack_data.py --out local/shard.zip                  everything
    RSCODEC_DATA=... python tools/pack_data.py --out local/gpu.zip --limit-mib 28     a random part, to take along

JPEG tiles go in as they are. Of multispectral scenes go in 8-bit pictures: their visible bands, three random bands, and
near infrared - red - green, each stretched between its 0.5 and 99.5 percentiles, in squares without nodata. Of both go
in the groups of spectral components that the network sees when a scene has more than three bands.
The folder `test` of the data is never touched.
"""

from __future__ import annotations

import io
import os
import random
import zipfile
from pathlib import Path

import click
import numpy as np
import rasterio
from PIL import Image

from rscodec.statistics import Statistics

SQUARE = 512


def jpeg_tiles(root: Path):
    """(name, bytes) of the tiles that are JPEGs already; NAIP also as near infrared - red - green."""
    for path in sorted(root.glob("*/*.jpg")):
        if path.name.endswith(".nir.jpg"):
            continue
        yield f"{path.parent.name}_{path.name}", path.read_bytes()
        infrared = path.with_suffix(".nir.jpg")
        if infrared.exists() and hash_share(path.name) < 0.25:
            visible = np.asarray(Image.open(path).convert("RGB"))
            near = np.asarray(Image.open(infrared).convert("L"))
            picture = np.dstack([near, visible[..., 0], visible[..., 1]])
            yield f"{path.parent.name}_nrg_{path.stem}.jpg", as_jpeg(picture)
            yield from component_pictures(path.stem, np.concatenate([visible.transpose(2, 0, 1), near[None]]))


def component_pictures(name: str, pixels: np.ndarray):
    """(name, bytes) of what the network sees of a scene (B, h, w) of more than three bands, without nodata."""
    invalid = (pixels == 0).any(0)
    statistics = Statistics(str(pixels.dtype), len(pixels))
    statistics.add(pixels, np.where(invalid, 1, 0).astype(np.uint8)[None])
    groups = statistics.radiometry(len(pixels), planes=0).forward(pixels)
    for number, group in enumerate(groups):
        picture = np.clip(np.rint(255 * group), 0, 255).astype(np.uint8).transpose(1, 2, 0)
        for place, square in enumerate(full_squares(picture, ~invalid)):
            yield f"components_{name}_{number}_{place}.png", as_bytes(square, "PNG")


def hash_share(name: str) -> float:
    """A number in 0..1 that a name always gets."""
    return random.Random(name).random()


def as_jpeg(pixels: np.ndarray) -> bytes:
    return as_bytes(pixels, "JPEG", quality=96, subsampling=0)


def as_bytes(pixels: np.ndarray, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def scene_pictures(root: Path):
    """(name, bytes) of 8-bit pictures of the 16-bit scenes."""
    for path in sorted(root.glob("scenes16/*.tif")):
        with rasterio.open(path) as scene:
            pixels = scene.read()
        yield from component_pictures(path.stem, pixels)
        pixels = pixels.astype(np.float32)
        rng = random.Random(path.name)
        triplets = {"visible": (2, 1, 0), "infrared": (3, 2, 1), "random": tuple(rng.sample(range(len(pixels)), 3))}
        for kind, bands in triplets.items():
            stack = pixels[list(bands)]
            valid = (stack > 0).all(0)
            if valid.mean() < 0.2:
                continue
            low, high = np.percentile(stack[:, valid], [0.5, 99.5])
            picture = np.clip(np.rint((stack - low) * (255 / max(high - low, 1))), 0, 255).astype(np.uint8)
            for number, square in enumerate(full_squares(picture.transpose(1, 2, 0), valid)):
                yield f"scenes16_{path.stem}_{kind}_{number}.jpg", as_jpeg(square)


def full_squares(picture: np.ndarray, valid: np.ndarray):
    """Squares (or what there is of them) without nodata."""
    for row in range(0, picture.shape[0], SQUARE):
        for col in range(0, picture.shape[1], SQUARE):
            window = np.s_[row : row + SQUARE, col : col + SQUARE]
            if valid[window].all() and min(picture[window].shape[:2]) >= 128:
                yield picture[window]


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--limit-mib", type=float, help="Keep a random part of at most this size.")
@click.option("--seed", default=0)
def main(out: Path, limit_mib: float | None, seed: int) -> None:
    root = Path(os.environ["RSCODEC_DATA"]) / "train"
    images = [*jpeg_tiles(root), *scene_pictures(root)]
    random.Random(seed).shuffle(images)
    out.parent.mkdir(parents=True, exist_ok=True)
    total, kept = 0, 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in images:
            if limit_mib and total + len(data) + 200 > limit_mib * 2**20:
                continue
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
            total, kept = total + len(data) + 200, kept + 1
    click.echo(f"{kept} of {len(images)} images, {total / 2**20:.1f} MiB -> {out}")


if __name__ == "__main__":
    main()
