"""Exports a trained LDM-RSIC as weights that ship: float16 safetensors and a manifest with measured figures.

    RSCODEC_DATA=... python tools/export_ldm_rsic.py --run local/ldm3 --model ldm-rsic-2 --codec s --times 1.1
    RSCODEC_DATA=... python tools/export_ldm_rsic.py --run local/ldmj4 --model ldm-jpeg2000-4

Figures are of files: real streams (or JPEG2000 files) of the held-out images, decoded with and without the enhancer,
with seed 0. PSNR is the mean over images; LPIPS is measured if its weights are found.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import click
import numpy as np
import torch

import rscodec
from rscodec.api import OpenScene
from rscodec.bitstreams.errors import MetricUnavailable
from rscodec.cli.main import Tool
from rscodec.cli.tool_options import export_options
from rscodec.enhancers.apply import enhanced_raster
from rscodec.enhancers.base import EnhanceSettings
from rscodec.enhancers.ldm_rsic import LdmConfig, LdmRsic, write_weights
from rscodec.eval.anchors.jpeg2000 import Jpeg2000
from rscodec.eval.datasets import HELD_OUT
from rscodec.metrics.perceptual import lpips_distance
from rscodec.metrics.pixels import psnr
from rscodec.models.registry import DEFAULT_CODEC
from rscodec.models.weights import codec_for_encoding
from rscodec.raster.reader import RasterReader
from rscodec.raster.scene import Scene
from rscodec.raster.window import Window
from rscodec.training import checkpoint
from rscodec.training.manifest import Export, sittings

RATES = (0.1, 0.2, 0.4, 0.8, 1.6)
RAW_BITS = 24


def of_stream(scene: Scene, quality: float, codec: str, settings: EnhanceSettings) -> tuple[np.ndarray, np.ndarray]:
    """(decoded, enhanced) pixels of a stream of our codec."""
    from rscodec.bitstreams import StreamReader

    stream = rscodec.encode(scene, quality, model=codec)
    with OpenScene(StreamReader.from_bytes(stream), enhance=settings) as opened:
        return rscodec.decode(stream).pixels, opened.read().pixels


def of_jpeg2000(scene: Scene, rate: float, settings: EnhanceSettings) -> tuple[np.ndarray, np.ndarray]:
    """(decoded, enhanced) pixels of an OpenJPEG file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jp2"
        path.write_bytes(Jpeg2000().encode(scene.pixels, RAW_BITS / rate))
        with RasterReader(path) as reader:
            whole = Window(0, 0, reader.width, reader.height)
            return reader.read(whole)[0], enhanced_raster(reader, settings, "cpu").read(whole)[0]


def figures_of(original: np.ndarray, found: np.ndarray) -> dict[str, float]:
    error = float(np.square(original.astype(float) - found).mean())
    figures = {"psnr_db": psnr(error, 255.0)}
    with suppress(MetricUnavailable):
        figures["lpips"] = lpips_distance(original, found)
    return figures


def measure(scenes: list[Scene], points, both) -> list[dict]:
    """Means over images at each point. both(scene, point) returns decoded and enhanced pixels."""
    rows = []
    for point in points:
        sums: dict[str, list[float]] = {}
        for scene in scenes:
            for name, found in zip(("decoded", "enhanced"), both(scene, point), strict=True):
                for metric, value in figures_of(scene.pixels, found).items():
                    sums.setdefault(f"{metric}_{name}", []).append(value)
        rows.append({"point": point, "images": len(scenes)} | {k: round(float(np.mean(v)), 4) for k, v in sums.items()})
        click.echo(rows[-1])
    return rows


@click.command(cls=Tool)
@export_options()
@click.option("--codec", default=DEFAULT_CODEC, show_default=True, help="Measure with the weights of this codec.")
@click.option("--times", default=1.0, show_default=True, help="Factor of the change in the exported model.")
def main(export: Export, codec: str, times: float) -> None:
    path = export.new_weights()
    saved = checkpoint.load(export.average)
    stage = saved["history"][-1]["stage"]
    if stage in ("one", "twin"):
        raise click.ClickException(
            f"{export.run} ends with stage {stage}, which trains no denoiser; train stage two or drawn first"
        )
    net = LdmRsic(LdmConfig.from_dict(saved["config"]))
    net.load_state_dict(checkpoint.part(saved["module"], "net."))
    with torch.no_grad():
        for parameter in net.men.head.parameters():
            parameter *= times
    streams = net.config.takes == "stream"
    codecs = (codec_for_encoding(codec).weights_hash.hex(),) if streams else ()
    write_weights(path, export.model, net, codecs)

    settings = EnhanceSettings(path)
    data, figures = Path(os.environ["RSCODEC_DATA"]), {}
    for pattern in HELD_OUT:
        images = [image for image in sorted(data.glob(pattern)) if image.suffix in (".png", ".tif")]
        scenes = [Scene(Scene.load(image, (1, 2, 3)).pixels) for image in images]
        if streams:
            figures[pattern] = measure(scenes, range(1, 9), lambda scene, q: of_stream(scene, q, codec, settings))
        else:
            figures[pattern] = measure(scenes, RATES, lambda scene, rate: of_jpeg2000(scene, rate, settings))
    made, options = sittings(saved, "tools/train_ldm_rsic.py", codecs=codecs), f"--codec {codec} --times {times:g}"
    manifest = export.write_manifest(path, made, figures, "tools/export_ldm_rsic.py", options)
    click.echo(f"{path}: {manifest['bytes']} bytes, made for {codecs or 'rasters'}")


if __name__ == "__main__":
    main()
