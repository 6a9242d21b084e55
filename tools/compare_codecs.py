"""Compares codecs in training: the cost J on held-out crops, and BD-rates of real files on the held-out test images.

    python tools/compare_codecs.py rscodec/weights/rsc-s-2.safetensors local/m local/d --shard local/shard.zip
    RSCODEC_DATA=... python tools/compare_codecs.py local/m --table docs/results/2026-11-30/rgb/results.csv.gz

A codec is a weights file or a run folder. For a run, the moving average is used, also from the checkpoint of an
unfinished run.

    J(q) = bits per pixel + lambda(q) * 255^2 * MSE        with rounded latents; printed relative to the first codec:
                                                           of all crops together, and the mean over crops

`--table` is a table of the anchors on the same images, from `rscodec eval rd`. `--images N` uses
every Nth image.

The real files of a run have Gaussian tables and unscaled hidden channels. Weights from
`tools/export_weights.py --shard` take fewer bits (LOG, 2026-11-30).
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from pathlib import Path

import click
import numpy as np
import torch

import rscodec
from rscodec.cli.main import Tool
from rscodec.codec import rate
from rscodec.codec.config import CodecConfig
from rscodec.codec.weights_file import read_weights
from rscodec.eval import datasets
from rscodec.eval.bd import METRICS, deltas
from rscodec.eval.table import open_text
from rscodec.metrics.pixels import Difference, in_db, ms_ssim
from rscodec.models.registry import CODECS, DEFAULT_CODEC, find
from rscodec.networks.export import freeze, thaw, write_weights
from rscodec.networks.model import Codec
from rscodec.raster.scene import Scene
from rscodec.training import checkpoint
from rscodec.training.data import Crops, Pools, load_shard

QUALITIES = (1, 2.5, 4, 5.5, 7, 8)
CROP, BATCH, BATCHES = 192, 8, 6


def load(source: Path) -> Codec:
    """The codec of a weights file, or the moving average of a run."""
    if source.is_file():
        weights = read_weights(source)
        codec = Codec(weights.config)
        thaw(codec, weights.tensors)
        return codec.eval()
    ended = source / "average.pt"
    saved = checkpoint.load(ended if ended.exists() else source / "checkpoint.pt")
    codec = Codec(CodecConfig.from_dict(saved["config"]))
    codec.load_state_dict(saved["module"] if ended.exists() else saved["average"])
    return codec.eval()


@torch.no_grad()
def costs(codec: Codec, batches: list[torch.Tensor]) -> np.ndarray:
    """J of each crop, for each of QUALITIES: (qualities, crops)."""
    found = []
    for quality in QUALITIES:
        for x in batches:
            wanted = torch.full((len(x),), float(quality))
            coded = codec(x, wanted)
            squared = (255 * (coded.pixels.clamp(0, 1) - x)).square().mean((1, 2, 3))
            found.append(coded.bits / x[0, 0].numel() + rate.weight(wanted) * squared)
    return torch.cat(found).reshape(len(QUALITIES), -1).double().numpy()


def curves(codec: Codec, images: list[datasets.Image]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Curves from files of each image at each quality: {metric: {image: [(bits per pixel, value)]}}"""
    found = {metric: {} for metric in METRICS}
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "codec.safetensors"
        model = find(CODECS, DEFAULT_CODEC).default_model
        write_weights(weights, model, codec.config, freeze(codec))
        for image in images:
            scene = Scene(Scene.load(image.path, (1, 2, 3)).pixels)
            everywhere = np.ones(scene.pixels.shape, bool)
            for quality in range(1, rate.LEVELS + 1):
                stream = rscodec.encode(scene, quality, weights=weights)
                decoded = rscodec.decode(stream, weights=weights).pixels
                difference = Difference("uint8")
                difference.add(scene.pixels, decoded, everywhere)
                similarity = in_db(ms_ssim(scene.pixels, decoded, everywhere, 255.0))
                bpp = 8 * len(stream) / decoded[0].size
                for metric, value in zip(METRICS, (difference.psnr_db, similarity), strict=True):
                    found[metric].setdefault(image.name, []).append((bpp, value))
    return found


def anchors(path: Path) -> dict[str, dict[str, dict[str, list[tuple[float, float]]]]]:
    """{metric: {anchor: {image: points}}} of a table."""
    found = {metric: {} for metric in METRICS}
    with open_text(path) as file:
        for row in csv.DictReader(file):
            for metric in METRICS:
                points = found[metric].setdefault(row["codec"], {}).setdefault(row["image"], [])
                points.append((float(row["rate_bpp_file"]), float(row[metric])))
    return found


def line(changes: np.ndarray) -> str:
    return " ".join(f"{change:+.2f}" for change in changes) + f", mean {changes.mean():+.2f}"


@click.command(cls=Tool)
@click.argument("codecs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--shard", type=click.Path(exists=True, path_type=Path))
@click.option("--table", "table_path", type=click.Path(exists=True, path_type=Path))
@click.option("--images", "every", default=1, help="Use every Nth test image.")
@click.option("--threads", default=1)
def main(codecs, shard, table_path, every, threads) -> None:
    torch.set_num_threads(threads)
    if shard:
        _, apart = load_shard(shard)
        crops = Crops(Pools(apart.full, []), BATCH, CROP, 1)
        batches = [crops.at(step).shown() for step in range(BATCHES)]
        first = None
        for source in codecs:
            found = costs(load(source), batches)
            first = found if first is None else first
            together = 100 * found.mean(1) / first.mean(1) - 100
            apart = 100 * np.expm1(np.log(found / first).mean(1))
            click.echo(f"{source}: J in % of the first at q {QUALITIES}: {line(together)}; of each crop: {line(apart)}")
    if table_path:
        data = os.environ["RSCODEC_DATA"]
        known = anchors(table_path)
        for source in codecs:
            codec = load(source)
            for pattern in datasets.HELD_OUT:
                files = sorted(map(str, Path(data).glob(pattern)))[::every]
                ours = curves(codec, datasets.images(files))
                row = {}
                for metric in METRICS:
                    for anchor in known[metric]:
                        found = deltas({"ours": ours[metric], anchor: known[metric][anchor]}, "ours", anchor, metric)
                        row.setdefault(anchor, []).append(round(found.bd_rate_percent, 1))
                click.echo(f"{source} {pattern} {json.dumps(row)}")


if __name__ == "__main__":
    main()
