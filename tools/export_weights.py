"""Exports a trained codec as weights that ship: integers, tables, safetensors and a manifest with measured figures.

    RSCODEC_DATA=... python tools/export_weights.py --run local/s --model rsc-s-2 --shard local/shard.zip

The float networks of the entropy path are rounded to the integer grid (`tools/train_codec.py --fake` prepares them for
that), and the bound of exact arithmetic is checked. With --shard, crops of its training pictures scale the hidden
channels of these networks (rscodec/networks/equalize.py), and the tables of the range coder are counted on them;
otherwise, the tables are Gaussians. The manifest receives bytes and PSNR of real streams of the held-out images for
each whole quality. Existing weights are replaced only with --overwrite, because streams name them by their hash.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
import numpy as np
import torch

import rscodec
from rscodec.cli.main import Tool
from rscodec.cli.tool_options import EXISTING, export_options
from rscodec.codec import rate
from rscodec.codec.config import CodecConfig
from rscodec.codec.portable import PortableCodec
from rscodec.codec.tables import counted_frequencies
from rscodec.codec.weights_file import weights_hashes
from rscodec.eval.datasets import HELD_OUT
from rscodec.metrics.pixels import Difference
from rscodec.models.registry import DEFAULT_CODEC
from rscodec.networks.equalize import equalize
from rscodec.networks.export import freeze, with_tables, write_weights
from rscodec.networks.model import Codec
from rscodec.raster.scene import Scene
from rscodec.training import checkpoint
from rscodec.training.data import Crops, load_shard
from rscodec.training.manifest import Export, sittings

TRAINED_ON = [
    {"name": "UC Merced Land Use", "files": "00-79 of each class, 697 lossless", "terms": "public domain (USGS)"},
    {"name": "NAIP 2018/2020, five Californian cities", "files": "481 tiles", "terms": "CC-BY 4.0 (USDA NAIP)"},
    {"name": "NEON airborne RGB", "files": "66 tiles", "terms": "used through DeepForest (MIT)"},
    {"name": "Landsat-8, Sentinel-2", "files": "26 stacks, as 8-bit pictures", "terms": "open data (USGS, Copernicus)"},
]

CROP, BATCH, BATCHES = 192, 8, 45  # crops that scale channels and count symbols
QUALITIES = torch.linspace(rate.QUALITY_MIN, rate.QUALITY_MAX, BATCHES)


def counted(codec: PortableCodec, crops: Crops) -> tuple[np.ndarray, np.ndarray]:
    """Count symbols of crops at all qualities. Return the tables."""
    parts = []
    for step, quality in enumerate(QUALITIES.tolist()):
        y = codec.analyse(crops.at(step).shown().contiguous().numpy(), quality)
        parts += codec.symbols(y, quality)[0]
    symbols, indexes = (np.concatenate(column) for column in zip(*parts, strict=True))
    return counted_frequencies(symbols, indexes)


def measure(weights: Path, codec: str, data: Path, pattern: str) -> list[dict]:
    """Mean bits per pixel and mean PSNR over the images of a pattern (bands 1 to 3), for each whole quality."""
    scenes = [Scene.load(path, (1, 2, 3)) for path in sorted(data.glob(pattern)) if path.suffix in (".png", ".tif")]
    scenes = [Scene(scene.pixels) for scene in scenes]
    figures = []
    for quality in range(1, 9):
        rates, psnrs = [], []
        for scene in scenes:
            stream = rscodec.encode(scene, quality, model=codec, weights=weights)
            difference = Difference("uint8")
            decoded = rscodec.decode(stream, weights=weights).pixels
            difference.add(scene.pixels, decoded, np.ones(decoded.shape, bool))
            rates.append(8 * len(stream) / decoded[0].size)
            psnrs.append(difference.psnr_db)
        figures.append(
            {
                "quality": quality,
                "rate_bpp_file": round(float(np.mean(rates)), 4),
                "psnr_db_mean_of_images": round(float(np.mean(psnrs)), 3),
                "images": len(scenes),
            }
        )
        click.echo(f"{pattern} {figures[-1]}")
    return figures


@click.command(cls=Tool)
@export_options()
@click.option("--codec", default=DEFAULT_CODEC, show_default=True, help="Row of the registry for these weights.")
@click.option("--shard", type=EXISTING, help="Training pictures that scale channels and count tables.")
def main(export: Export, codec: str, shard: Path | None) -> None:
    path = export.new_weights()
    saved = checkpoint.load(export.average)
    config = CodecConfig.from_dict(saved["config"])
    trained = Codec(config)
    trained.load_state_dict(saved["module"])
    crops = Crops(load_shard(shard)[0], BATCH, CROP, seed=0) if shard else None
    if crops:
        equalize(trained, ((crops.at(step).shown(), quality.repeat(BATCH)) for step, quality in enumerate(QUALITIES)))
    tensors = freeze(trained)
    write_weights(path, export.model, config, tensors)
    if crops:
        tensors = with_tables(tensors, *counted(PortableCodec(path), crops))
        write_weights(path, export.model, config, tensors)

    data = Path(os.environ["RSCODEC_DATA"])
    made = sittings(
        saved,
        "tools/train_codec.py",
        weights_hashes={arithmetic: name.hex() for arithmetic, name in weights_hashes(tensors).items()},
        parameters=sum(parameter.numel() for parameter in trained.parameters()),
        trained_on=TRAINED_ON,
    )
    figures = {pattern: measure(path, codec, data, pattern) for pattern in HELD_OUT}
    options = f"--codec {codec}" + (f" --shard {shard.name}" if shard else "")
    manifest = export.write_manifest(path, made, figures, "tools/export_weights.py", options)
    click.echo(f"{path}: {manifest['bytes']} bytes, hashes {manifest['weights_hashes']}")


if __name__ == "__main__":
    main()
