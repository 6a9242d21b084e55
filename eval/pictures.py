"""Makes the pictures of the report: a few images, each by every contender at nearly the same rate.

rows of an image --interpolate the parameter at the wanted bpp--> encode, decode --> PNG, saved in OUT/pictures
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from pathlib import Path

import numpy as np

from rscodec.eval.datasets import spread
from rscodec.eval.measure import Row, band_list, difference
from rscodec.raster.scene import Scene

RATES = (0.3, 1.0)
EDGE = 512


def parameter_for(rows: list[Row], rate: float) -> float:
    """The parameter at which an image has this rate, interpolated linearly in the logarithm of the rate."""
    ordered = sorted(rows, key=lambda row: row.rate_bpp_file)
    rates = [np.log(row.rate_bpp_file) for row in ordered]
    return float(np.interp(np.log(rate), rates, [row.parameter for row in ordered]))


def choose(rows: list[Row], count: int) -> list[str]:
    """`count` images, spread over all."""
    return spread(sorted({row.image for row in rows}), count)


def show(scene: Scene, pixels: np.ndarray) -> np.ndarray:
    """The middle of `pixels` as a uint8 picture (h, w, 3). Pixels of other types are stretched between percentiles of
    `scene`, the original.
    """
    height, width = pixels.shape[1:]
    top, left = max(0, (height - EDGE) // 2), max(0, (width - EDGE) // 2)
    shown = [0, 1, 2] if len(pixels) >= 3 else [0, 0, 0]
    window = np.s_[:, top : top + EDGE, left : left + EDGE]
    picture = pixels[shown][window].transpose(1, 2, 0)
    if pixels.dtype == np.uint8:
        return picture
    valid = scene.mask.all(0)
    low, high = np.percentile(scene.pixels[shown][:, valid], [1, 99]) if valid.any() else (0.0, 1.0)
    stretched = (picture.astype(np.float64) - low) * (255 / max(high - low, 1e-9))
    return np.clip(np.rint(np.nan_to_num(stretched)), 0, 255).astype(np.uint8)


def pictures(result, out: Path, count: int) -> list[dict]:
    """[{"image", "original", "choices": [{"label", "views": [{"codec", "caption", "png"}]}]}]"""
    from rscodec.eval.rd import load

    found = []
    for name in choose(result.rows, count):
        image = result.images[name]
        scene = load(image.path, result.bands, image.bands)
        choices = []
        for rate in RATES:
            views = []
            for codec, contender in result.contenders.items():
                rows = [row for row in result.rows if row.image == name and row.codec == codec]
                if rows:
                    shown = f"{name} {band_list(result.bands)}"
                    views.append(_view(scene, contender, parameter_for(rows, rate), out / "pictures", shown))
            choices.append({"label": f"about {rate:g} bpp", "views": views})
        found.append({"image": name, "original": uri(png(show(scene, scene.pixels))), "choices": choices})
    return found


def _view(scene: Scene, contender, parameter: float, folder: Path, name: str) -> dict:
    """One decoded picture. Its rate and quality are stored in its file name, so that it is made only once."""
    label = re.sub(r"\W+", "-", f"{name} {contender.name} {contender.version}")
    stem = f"{label[:80]}-{hashlib.sha256(label.encode()).hexdigest()[:8]}-{parameter:.3f}"
    kept = sorted(folder.glob(f"{stem}_*_*.png"))
    if not kept:
        data = contender.encode(contender.prepare(scene), parameter)
        decoded = contender.decode(data, scene)
        bpp = 8 * len(data) / scene.mask.any(0).sum()
        quality = difference(scene.pixels, decoded, scene.mask).psnr_db
        folder.mkdir(exist_ok=True)
        kept = [folder / f"{stem}_{bpp:.4f}_{quality:.3f}.png"]
        kept[0].write_bytes(png(show(scene, decoded)))
    bpp, quality = kept[0].stem.rsplit("_", 2)[1:]
    caption = f"{float(bpp):.3f} bpp, {float(quality):.2f} dB"
    return {"codec": contender.name, "caption": caption, "png": uri(kept[0].read_bytes())}


def png(picture: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()
