"""Compares LDM-RSIC without a prior, with a generated prior, and with the learnt prior (computed from the original: the
upper bound).

    RSCODEC_DATA=... python tools/compare_ldm_rsic.py test/ucmerced test/naip --qualities 1,2,3
        --with none=local/twin --with generated=local/ldm2 --with learnt=local/ldm2

Encodes and decodes the images, and enhances them with the networks of training runs (average.pt), in windows without
overlap, so that all networks see the same input. Prints means over images of PSNR, MS-SSIM and LPIPS of AlexNet, with
which realism is trained, and of SqueezeNet, with which nothing is; and the Fréchet distance of crops on AlexNet.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch

import rscodec
from rscodec.cli.main import Tool
from rscodec.enhancers.ldm_rsic import LdmConfig, LdmRsic
from rscodec.eval import datasets
from rscodec.metrics.frechet import features, frechet_distance
from rscodec.metrics.perceptual import TRUNKS, lpips_distance
from rscodec.metrics.pixels import ms_ssim, psnr
from rscodec.models.registry import DEFAULT_CODEC
from rscodec.raster.scene import Scene
from rscodec.training import checkpoint, ldm
from rscodec.training.pairs import Pair


def load_net(run: Path) -> LdmRsic:
    saved = checkpoint.load(run / "average.pt")
    net = LdmRsic(LdmConfig.from_dict(saved["config"]))
    net.load_state_dict(checkpoint.part(saved["module"], "net."))
    return net.eval().to(memory_format=torch.channels_last)


def of_windows(path: Path, unit: int) -> Scene:
    """Bands 1 to 3 of an image, cropped to whole windows."""
    pixels = Scene.load(path, (1, 2, 3)).pixels
    height, width = (edge // unit * unit for edge in pixels.shape[1:])
    return Scene(pixels[:, :height, :width].copy())


def windows(pixels: np.ndarray, edge: int) -> torch.Tensor:
    """(3, H, W) uint8, H and W multiples of `edge` -> (B, 3, edge, edge) in 0..1."""
    parts = torch.from_numpy(pixels).unfold(1, edge, edge).unfold(2, edge, edge)
    return (parts.permute(1, 2, 0, 3, 4).reshape(-1, 3, edge, edge) / 255).contiguous(memory_format=torch.channels_last)


def together(parts: torch.Tensor, height: int, width: int) -> np.ndarray:
    """The inverse of `windows`."""
    edge = parts.shape[-1]
    grid = parts.reshape(height // edge, width // edge, 3, edge, edge).permute(2, 0, 3, 1, 4)
    return (255 * grid.reshape(3, height, width)).round().byte().numpy()


def figures_of(original: np.ndarray, found: np.ndarray) -> tuple[float, ...]:
    error = float(np.square(original.astype(float) - found).mean())
    similarity = ms_ssim(original, found, np.ones(original.shape, bool), 255.0)
    return psnr(error, 255.0), similarity, *(lpips_distance(original, found, net) for net in TRUNKS)


def features_of(pictures: list[np.ndarray]) -> np.ndarray:
    """The features of all crops of all pictures."""
    return np.concatenate([features(picture) for picture in pictures])


def parsed(context, option, values: tuple[str, ...]) -> list[tuple[str, Path]]:
    pairs = [(prior, Path(run)) for prior, _, run in (value.partition("=") for value in values)]
    for prior, run in pairs:
        if prior not in ldm.PRIORS or not (run / "average.pt").exists():
            raise click.BadParameter(f"{prior}={run}: give one of {', '.join(ldm.PRIORS)} = the folder of a run")
    return pairs


@click.command(cls=Tool)
@click.argument("images", nargs=-1, required=True)
@click.option("--with", "contenders", multiple=True, required=True, metavar="PRIOR=RUN", callback=parsed)
@click.option("--qualities", default="1,2,3", show_default=True)
@click.option("--codec", default=DEFAULT_CODEC, show_default=True)
@click.option("--limit", type=int, help="Number of images, spread evenly over all.")
@click.option("--realism", default=0.0, show_default=True, help="For networks that were trained for it.")
@click.option("--threads", default=1, show_default=True)
def main(images, contenders, qualities, codec, limit, realism, threads) -> None:
    torch.set_num_threads(threads)
    nets = {run: load_net(run) for _, run in contenders}
    found = datasets.images(list(images))
    unit = max(net.config.window for net in nets.values())
    scenes = [of_windows(image.path, unit) for image in datasets.spread(found, limit or len(found))]
    originals = [scene.pixels for scene in scenes]
    of_originals = features_of(originals)
    for quality in map(float, qualities.split(",")):
        made: dict[str, list] = {}
        for scene in scenes:
            decoded = rscodec.decode(rscodec.encode(scene, quality, model=codec)).pixels
            made.setdefault("decoded", []).append(decoded)
            for prior, run in contenders:
                edge = nets[run].config.window
                before, after = windows(decoded, edge), windows(scene.pixels, edge)
                pair = Pair(before, after, torch.full((len(before),), quality))
                pixels = together(ldm.enhanced(nets[run], pair, prior, realism), *decoded.shape[1:])
                made.setdefault(f"{prior} {run}", []).append(pixels)
        for name, pictures in made.items():
            figures = [figures_of(*pair) for pair in zip(originals, pictures, strict=True)]
            decibel, similarity, alex, squeeze = np.mean(figures, 0)
            distance = frechet_distance(of_originals, features_of(pictures))
            apart = "-" if distance is None else f"{distance:.2f}"
            click.echo(
                f"q {quality:g} {name}: {decibel:.3f} dB, MS-SSIM {similarity:.4f}, LPIPS {alex:.4f} (AlexNet) "
                f"{squeeze:.4f} (SqueezeNet), Fréchet {apart}, {len(pictures)} images"
            )


if __name__ == "__main__":
    main()
