"""Packs training imagery into a shard, a zip of 8-bit RGB pictures that `rscodec.training.data` reads.

Names in a shard are GROUND/PICTURE: all pictures of one ground share a folder, so that whole grounds can be held out.

    x.jpg, x.webp, x.png       as they are; more than 8 bits are refused
    x.jpg beside x.nir.jpg     a quarter of them also as near infrared - red - green, and as spectral components
    x.tif                      as 8-bit pictures: the colours, three random bands, and near infrared - red - green
                               (four bands and more: blue, green, red, near infrared, ...), and spectral components

Spectral components are what the network sees of a scene of four bands and more. Pixels of types other than uint8 are
stretched between their 0.5 and 99.5 percentiles. Pictures of GeoTIFFs are squares without nodata, of 512 pixels or,
where one has nodata, of 256 or 128. A pixel also counts as nodata if all its bands are zero or, in a scene of four
bands and more, if any band of the picture is.
"""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from rscodec.bitstreams.errors import InputError
from rscodec.stream.statistics import Statistics

SQUARE, LEAST = 512, 128
TILES = (".jpg", ".png", ".webp")
SCENES = (".tif", ".tiff")
INFRARED = ".nir.jpg"
INFRARED_SHARE = 0.25

Picture = tuple[str, bytes]  # name in the shard, contents of the file


class Packed(NamedTuple):
    """The numbers of pictures written and found, and the files that gave none."""

    written: int
    found: int
    empty: list[Path]


def pack(folder: Path, out: Path, limit_mib: float | None = None, seed: int = 0) -> Packed:
    """Write the shard of a folder, or of a random part with at most `limit_mib`."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in (*TILES, *SCENES) and not path.name.endswith(INFRARED)
    )
    by_file = {path: list(pictures_of(path, folder)) for path in files}
    pictures = [picture for found in by_file.values() for picture in found]
    if not pictures:
        raise InputError(f"{folder} has no pictures to train on: give a folder of GeoTIFFs, JPEGs, PNGs or WebPs")
    random.Random(seed).shuffle(pictures)
    out.parent.mkdir(parents=True, exist_ok=True)
    total, kept = 0, 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in pictures:
            size = len(data) + 200  # including the zip's entry for it
            if limit_mib and total + size > limit_mib * 2**20:
                continue
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
            total, kept = total + size, kept + 1
    return Packed(kept, len(pictures), [path for path, found in by_file.items() if not found])


def pictures_of(path: Path, root: Path) -> Iterator[Picture]:
    """Yield all pictures of one file."""
    ground = "_".join(path.relative_to(root).with_suffix("").parts)
    if path.suffix.lower() in SCENES:
        yield from _of_scene(path, ground)
    else:
        yield from _of_tile(path, ground)


def _of_tile(path: Path, ground: str) -> Iterator[Picture]:
    with Image.open(path) as image:
        if image.mode.startswith(("I", "F")):
            raise InputError(
                f"{path} has more than 8 bits per band (mode {image.mode}); convert it to 8 bits, or to a GeoTIFF"
            )
    yield f"{ground}/colour{path.suffix.lower()}", path.read_bytes()
    infrared = path.with_suffix(INFRARED)
    if infrared.exists() and random.Random(path.name).random() < INFRARED_SHARE:
        visible = np.asarray(Image.open(path).convert("RGB"))
        near = np.asarray(Image.open(infrared).convert("L"))
        yield f"{ground}/infrared.jpg", _as_jpeg(np.dstack([near, visible[..., 0], visible[..., 1]]))
        pixels = np.concatenate([visible.transpose(2, 0, 1), near[None]])
        yield from _components(ground, pixels, (pixels == 0).any(0))


def _of_scene(path: Path, ground: str) -> Iterator[Picture]:
    from rscodec.raster.scene import Scene  # it needs rasterio, which a machine that only trains may lack

    scene = Scene.load(path)
    count, invalid = len(scene.pixels), ~scene.mask.all(0) | (scene.pixels == 0).all(0)
    pixels = np.where(invalid, 0, scene.pixels)
    kinds = {"colour": (0, 1, 2) if count == 3 else (0, 0, 0)}
    if count >= 4:
        yield from _components(ground, pixels, invalid | (pixels == 0).any(0))
        chosen = tuple(random.Random(path.name).sample(range(count), 3))
        kinds = {"colour": (2, 1, 0), "infrared": (3, 2, 1), "random": chosen}
    for kind, bands in kinds.items():
        stack = pixels[list(bands)].astype(np.float32)
        valid = ~invalid & (stack > 0).all(0) if count >= 4 else ~invalid
        if valid.mean() < 0.2:
            continue
        if pixels.dtype != np.uint8:
            low, high = np.percentile(stack[:, valid], [0.5, 99.5])
            stack = (stack - low) * (255 / max(high - low, 1e-6))
        picture = np.clip(np.rint(stack), 0, 255).astype(np.uint8).transpose(1, 2, 0)
        for number, square in enumerate(_squares(picture, valid)):
            yield f"{ground}/{kind}_{number}.png", _as_bytes(square, "PNG")


def _components(ground: str, pixels: np.ndarray, invalid: np.ndarray) -> Iterator[Picture]:
    """Yield what the network sees of the valid pixels of a scene (B, h, w) of more than three bands."""
    statistics = Statistics(str(pixels.dtype), len(pixels))
    statistics.add(pixels, np.where(invalid, 1, 0).astype(np.uint8)[None])
    groups = statistics.radiometry(len(pixels), planes=0).forward(pixels)
    for number, group in enumerate(groups):
        picture = np.clip(np.rint(255 * group), 0, 255).astype(np.uint8).transpose(1, 2, 0)
        for place, square in enumerate(_squares(picture, ~invalid)):
            yield f"{ground}/components_{number}_{place}.png", _as_bytes(square, "PNG")


def _squares(picture: np.ndarray, valid: np.ndarray, edge: int = SQUARE) -> Iterator[np.ndarray]:
    """Yield squares without nodata (smaller ones at the edges). One with nodata is divided into four."""
    for row in range(0, picture.shape[0], edge):
        for col in range(0, picture.shape[1], edge):
            window = np.s_[row : row + edge, col : col + edge]
            square, sound = picture[window], valid[window]
            if min(square.shape[:2]) < LEAST:
                continue
            if sound.all():
                yield square
            elif edge > LEAST:
                yield from _squares(square, sound, edge // 2)


def _as_jpeg(pixels: np.ndarray) -> bytes:
    return _as_bytes(pixels, "JPEG", quality=96, subsampling=0)


def _as_bytes(pixels: np.ndarray, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()
