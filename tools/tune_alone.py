"""Measures which components should get a group of their own, for `rscodec.stream.radiometry.weakest_alone`.

    RSCODEC_DATA=... python tools/tune_alone.py --weights rscodec/weights/rsc-s-2.safetensors

Encodes training scenes of three, four and more bands with every number of single components. Prints a line for each
quality: the mean cost (bits per pixel + lambda * squared error) of every threshold, relative to no single components.
"""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from rscodec.bitstreams import StreamReader
from rscodec.codec import rate
from rscodec.models.registry import DEFAULT_CODEC
from rscodec.models.weights import codec_for_encoding
from rscodec.raster.pixel_source import SceneSource
from rscodec.raster.scene import Scene
from rscodec.stream.decoder import SceneDecoder
from rscodec.stream.encoder import SceneEncoder
from rscodec.stream.radiometry import Radiometry

THRESHOLDS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, float("inf"))
EDGE = 256


def training_scenes(root: Path, count: int):
    """Some scenes of each kind."""
    some = sorted(root.glob("ucmerced/*.jpg")), sorted(root.glob("naip/*.nir.jpg")), sorted(root.glob("scenes16/*.tif"))
    for paths in some:
        for path in paths[:: max(1, len(paths) // count)][:count]:
            scene = Scene.load(path)
            pixels = scene.pixels
            if path.name.endswith(".nir.jpg"):
                colours = Scene.load(path.with_name(path.name.replace(".nir", ""))).pixels
                pixels = np.concatenate([colours, pixels])
            yield path.parent.name, Scene(np.ascontiguousarray(pixels[:, :EDGE, :EDGE]))


def costs(scene: Scene, codec, quality: float) -> tuple[Radiometry, dict[int, float]]:
    """The radiometry of a scene, and the cost of each number of single components."""
    source = SceneSource(scene)
    measured = SceneEncoder(source, codec).radiometry
    found = {}
    for alone in range(measured.most_alone + 1):
        buffer = io.BytesIO()
        fixed = replace(measured, alone=alone, deviations=())
        encoder = SceneEncoder(source, codec, radiometry=fixed)
        encoder.write(buffer, quality)
        decoder = SceneDecoder(StreamReader.from_bytes(buffer.getvalue()), codec)
        decoded, _ = decoder.read(decoder.grid.scene)
        error = 255 / measured.scale * (decoded.astype(float) - scene.pixels)
        found[alone] = 8 * buffer.tell() / error[0].size + rate.weight(quality) * np.square(error).sum(0).mean() / 3
    return measured, found


@click.command()
@click.option("--weights", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--count", default=6, show_default=True, help="Number of scenes of each kind.")
@click.option("--qualities", default="1,2,3,4,5,6,7,8", show_default=True)
def main(weights: Path, count: int, qualities: str) -> None:
    codec = codec_for_encoding(DEFAULT_CODEC, weights, "cpu")
    scenes = list(training_scenes(Path(os.environ["RSCODEC_DATA"]) / "train", count))
    kinds = sorted({kind for kind, _ in scenes})
    for quality in map(float, qualities.split(",")):
        ratios: dict[tuple[str, float], list[float]] = {}
        for kind, scene in scenes:
            measured, found = costs(scene, codec, quality)
            for threshold in THRESHOLDS:
                chosen = measured.with_alone_above(threshold).alone
                ratios.setdefault((kind, threshold), []).append(found[chosen] / found[0])
        for kind in kinds:
            line = " ".join(f"{threshold:g}:{np.mean(ratios[kind, threshold]):.3f}" for threshold in THRESHOLDS)
            click.echo(f"quality {quality:g} {kind:9} {line}")


if __name__ == "__main__":
    main()
