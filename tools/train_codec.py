"""Trains the codec on a CPU (in bfloat16 if the CPU supports it) or on CUDA. A run continues from its checkpoint.

    python tools/train_codec.py --shard local/shard.zip --model s --run local/s --steps 20000 --decay 5000
    python tools/train_codec.py ... --run local/s2 --start rscodec/weights/rsc-s-2.safetensors     a warm start
    python tools/train_codec.py ... --model m --run local/m --start local/s/average.pt                        s, grown

The loss is the mean of 10 lg(J + FLOOR), with J = bits per pixel + lambda(q) * 255^2 * MSE and one random quality per
crop. The logarithm makes relative changes of all crops count alike, as in a BD-rate of many images. Without it, crops
with many bits would dominate the gradient. In the first tenth of the steps of a new codec, only qualities from 4 on are
drawn, so that it learns good reconstructions first. `--fake` trains the last phase: the encoder is frozen, and the
exact path is rounded as in the shipped model. `--decoder` trains only the part that makes pixels from latents. The
script needs a checkout, torch, numpy, pillow, safetensors and click. rscodec/training/run.py describes the run folder;
`tools/export_weights.py` exports weights from it that can ship.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import click
import torch

from rscodec.cli.main import Tool
from rscodec.cli.tool_options import run_options
from rscodec.codec import rate
from rscodec.codec.config import CONFIGS, CodecConfig
from rscodec.codec.weights_file import read_weights
from rscodec.networks.export import thaw
from rscodec.networks.model import Codec
from rscodec.networks.precision import fast
from rscodec.training import checkpoint
from rscodec.training.data import Batch, Crops, load_shard
from rscodec.training.grow import grow
from rscodec.training.pack import pack
from rscodec.training.run import Run

LINEAR_SHARE = 0.2
FLOOR = 0.05  # bits per pixel: crops that cost less than this count less


def principal_components(crops: Crops, count: int, batches: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the `count` strongest components of 16x16x3 blocks and their standard deviations (8-bit units)."""
    blocks = []
    for step in range(batches):
        x = 255 * crops.at(2**40 + step).shown().double() - 127.5
        blocks.append(x.unfold(2, 16, 16).unfold(3, 16, 16).permute(0, 2, 3, 1, 4, 5).reshape(-1, 768))
    blocks = torch.cat(blocks)
    values, vectors = torch.linalg.eigh(blocks.T @ blocks / len(blocks))
    order = values.argsort(descending=True)[:count]
    return vectors[:, order].T.reshape(count, 3, 16, 16).float(), values[order].clamp(min=1e-3).sqrt().float()


def parameter_groups(codec: Codec) -> list[tuple[float, list[torch.nn.Parameter]]]:
    """Return the trained parameters with their shares of the learning rate: the KLT starts near its goal."""
    named = [(name, parameter) for name, parameter in codec.named_parameters() if parameter.requires_grad]
    linear = [parameter for name, parameter in named if ".linear." in name]
    return [(1.0, [parameter for name, parameter in named if ".linear." not in name]), (LINEAR_SHARE, linear)]


def warm_start(codec: Codec, start: Path) -> list[dict]:
    """Start from an earlier run or weights that ship, of this or a smaller model. Return their training history."""
    if start.suffix == ".safetensors":
        weights = read_weights(start)
        before = Codec(weights.config)
        thaw(before, weights.tensors)
        history = json.loads(start.with_suffix(".json").read_text())["history"]
    else:
        saved = checkpoint.load(start)
        before = Codec(CodecConfig.from_dict(saved["config"]))
        before.load_state_dict(saved["module"])
        history = saved["history"]
    if before.config == codec.config:
        codec.load_state_dict(before.state_dict())
    else:
        grow(before, codec)
    return history


def packed(shard: Path, run: Path) -> Path:
    """Return the shard. If it is a folder of pictures, pack it into the run folder."""
    if not shard.is_dir():
        return shard
    pack(shard, run / "shard.zip")
    return run / "shard.zip"


def freeze(codec: Codec, fake: bool, decoder_only: bool) -> None:
    """Freeze everything that is not trained."""
    if decoder_only:
        codec.requires_grad_(False)
        for part in (codec.synthesis, codec.log_step, codec.log_trunk_out):
            part.requires_grad_(True)
    elif fake:
        for part in (codec.analysis, codec.entropy.hyper_analysis):
            part.requires_grad_(False)
        for table in (codec.log_gain, codec.log_trunk_in):
            table.requires_grad_(False)


def spread(count: int, generator: torch.Generator) -> torch.Tensor:
    """Return random numbers from 0 to 1, one in each of `count` equal parts of that range, in random order."""
    part = torch.randperm(count, generator=generator)
    return (part + torch.rand(count, generator=generator)) / count


@click.command(cls=Tool)
@run_options(
    decay=5000,
    rate=1e-3,
    shard="What tools/pack_data.py made, or a folder of pictures (packed into the run folder).",
    start="average.pt or .safetensors to start from.",
)
@click.option("--model", type=click.Choice(sorted(CONFIGS)), default="s")
@click.option("--crop", default=128, show_default=True, help="Edge of crops.")
@click.option("--together", default=1, show_default=True, help="Batches per step, one thread each; use --threads 1.")
@click.option(
    "--quality", "only", type=click.FloatRange(rate.QUALITY_MIN, rate.QUALITY_MAX), help="Train only this quality."
)
@click.option(
    "--decoder", "decoder_only", is_flag=True, help="Train only the synthesis; latents and bits do not change."
)
@click.option("--fake", is_flag=True, help="Train the last phase: frozen encoder, rounded entropy path.")
@click.option("--compile", "compiled", is_flag=True, help="Compile the transforms with torch.compile.")
def main(settings, model, crop, together, only, decoder_only, fake, compiled) -> None:
    settings.prepare()
    codec, start, device = Codec(CONFIGS[model]), settings.start, settings.device
    history = warm_start(codec, start) if start else []
    begun = {"--model": model, "--fake": fake, "--decoder": decoder_only, "config": codec.config.as_dict()}
    run = Run(settings, begun, history, click.echo)
    seen, _ = load_shard(packed(settings.shard, settings.run), settings.seed)
    crops = Crops(seen, settings.batch, crop, settings.seed)
    if not start:
        codec.start_from_klt(*principal_components(crops, codec.config.latents))
    codec.to(device, memory_format=torch.channels_last)
    codec.set_fake(fake)
    freeze(codec, fake, decoder_only)
    if compiled:
        codec.analysis.compile()
        codec.synthesis.compile()

    def loss_of(batch: Batch, step: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        x = batch.shown(device)
        lowest = 4.0 if step < together * settings.steps // 10 and not (start or fake) else rate.QUALITY_MIN
        drawn = spread(len(x), settings.generator(step))
        quality = (lowest + (rate.QUALITY_MAX - lowest) * drawn).to(device)
        if only is not None:
            quality.fill_(only)
        noise = torch.Generator(device).manual_seed(1_000_003 * settings.seed + step)
        with fast(device, cache_enabled=False):  # threads would share the cache
            coded = codec(x, quality, noise)
        bpp = coded.bits / x[0, 0].numel()
        mse = (255 * (coded.pixels - x)).square().flatten(1).mean(1)
        weight = rate.weight(quality)
        loss = 10 * (bpp + weight * mse + FLOOR).log10().mean()
        high = quality > 5
        figures = {
            "bpp": bpp.mean(),
            "psnr": (10 * torch.log10(255**2 / mse)).mean(),
            "z": coded.z_bits.mean() / x[0, 0].numel(),
            "mse_high": mse[high].mean() if high.any() else mse.mean(),
        }
        return loss, figures

    about = {"model": model, "crop": crop, "fake": fake}
    about |= {"decoder_only": True} if decoder_only else {}
    about |= {"quality": only} if only is not None else {}
    run.train(codec, parameter_groups(codec), crops.stream, loss_of, about, together)


if __name__ == "__main__":
    main()
