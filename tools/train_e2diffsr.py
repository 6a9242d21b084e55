"""Trains E2DiffSR, on a CPU (in bfloat16 if it supports it) or on CUDA. Run it again to resume from its checkpoint.

    python tools/train_e2diffsr.py --shard local/shard.zip --stage one --run local/sr1
    python tools/train_e2diffsr.py --shard local/shard.zip --stage two --run local/sr2 --start local/sr1/average.pt
    python tools/train_e2diffsr.py --shard local/shard.zip --stage twin --run local/sr0

Stage one trains the differential prior and everything that uses it. Stage two trains the generation of the prior: for
the first --alone steps nothing else, then also the resulting pixels. Instead of stage two, stage noisy and then stage
drawn train the two sides apart, as in the paper (rscodec/training/sr.py). The twin is stage one without a prior, for
comparison. --without omits other parts of the method. Every batch has its own scale from 1 to 8. With --codec, half of
the small images are decoded by our codec at a random quality. About one in 35 grounds is held out; at the end, the
gains over bicubic on them are logged for each kind of prior. rscodec/training/run.py describes the run folder.
`tools/export_e2diffsr.py` exports its weights.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import click
import torch

from rscodec.cli.main import Tool
from rscodec.cli.tool_options import EXISTING, gathered, run_options
from rscodec.networks.precision import fast
from rscodec.training import checkpoint, sr
from rscodec.training.critic import WithCritic
from rscodec.training.data import Crops, Pools, load_shard
from rscodec.training.ldm import Loss
from rscodec.training.pairs import CodecPairs, frozen_codec
from rscodec.training.run import Run
from rscodec.upsamplers.e2diffsr import CONFIGS, E2DiffConfig, E2DiffSr

CHECKED = (1.5, 2, 2.6, 4, 6, 8)
SPREAD_BATCHES = 16
GENERATING = ("two", "drawn")  # the stages that train the denoiser


def begin(stage: str, start: Path | None, config: E2DiffConfig) -> tuple[WithCritic, list[dict]]:
    """The networks to train, and the history of their training."""
    if start is None:
        if stage in GENERATING or stage == "noisy":
            raise click.UsageError(f"--stage {stage} continues stage one: give its average.pt with --start")
        return WithCritic(E2DiffSr(config)), []
    saved = checkpoint.load(start)
    config_before, history = E2DiffConfig.from_dict(saved["config"]), saved["history"]
    if stage not in GENERATING or history[-1]["stage"] in GENERATING:
        both = WithCritic(E2DiffSr(config_before))
        both.load_state_dict(saved["module"])
        return both, history
    both = WithCritic(E2DiffSr(replace(config_before, steps=config.steps, betas=config.betas)))
    untrained = {key: value for key, value in both.state_dict().items() if key.startswith("net.denoiser.")}
    both.load_state_dict(saved["module"] | untrained)
    return both, history


def report(net: E2DiffSr, pairs: sr.SrPairs, batches: int, log) -> None:
    """Log the gain over bicubic on held-out crops at each scale, for each kind of prior."""
    net.eval()
    for scale in CHECKED:
        gains = dict.fromkeys(sr.PRIORS, 0.0)
        for step in range(batches):
            pair = pairs.at(pairs.crops.at(step).pixels, scale)
            for prior in sr.PRIORS:
                gains[prior] += sr.gain_of(net, pair, prior) / batches
        log(f"held out, x{pair.scale:.2f}: " + ", ".join(f"{prior} {gain:+.3f} dB" for prior, gain in gains.items()))


@click.command(cls=Tool)
@run_options()
@gathered("terms", sr.Weights)
@click.option("--stage", type=click.Choice(sr.STAGES), required=True)
@click.option("--config", "widths", type=click.Choice(list(CONFIGS)), default="small", show_default=True)
@click.option(
    "--codec", "codec_weights", type=EXISTING, help="Weights of the codec that decodes half of the small images."
)
@click.option("--alone", default=0, help="Stage two: first steps in which only the prior is trained.")
@click.option("--large", default=192, help="Longest edge of crops, a multiple of 8.")
@click.option("--small", default=64, help="Longest edge of the image to upsample.")
@click.option("--diffusion-steps", default=4, help="T of a new denoiser.")
@click.option("--betas", type=float, nargs=2, default=(0.1, 0.99), show_default=True, help="Schedule of a new model.")
@click.option("--adversarial", default=0.5, show_default=True, help="Weight of the adversarial term; 0 omits it.")
@click.option("--critic-from", default=0, help="First step with a discriminator.")
@click.option("--kl", default=1e-6, show_default=True, help="Weight of the KL term of stage one.")
@click.option(
    "--without",
    type=click.Choice(sr.ABLATIONS),
    multiple=True,
    help="Part to omit (rscodec/training/sr.py); omit modulation in both stages. May be repeated.",
)
@click.option("--check", default=4, help="Batches of held-out crops for the gains at the end; 0 omits the gains.")
def main(
    settings, terms, stage, widths, codec_weights, alone, large, small, diffusion_steps, betas, without, check
) -> None:
    settings.prepare()
    device = settings.device
    config = replace(CONFIGS[widths], steps=diffusion_steps, betas=betas)
    both, history = begin(stage, settings.start, config)
    both.to(device, memory_format=torch.channels_last)
    net, critic = both.net, both.critic
    run = Run(settings, {"--stage": stage, "config": asdict(net.config)}, history, click.echo)
    if "modulation" in without:
        sr.forget_scale(net)

    seen, apart = load_shard(settings.shard, settings.seed)
    crops = Crops(seen, settings.batch, large, settings.seed)
    codec, decoded_by = None, None
    if codec_weights:
        codec, decoded_by = frozen_codec(codec_weights)
        codec = CodecPairs(codec, crops, device)
    pairs = sr.SrPairs(crops, small, device, codec)
    held_out = Crops(Pools(apart.full, []), settings.batch, large, settings.seed + 1)
    if history and history[-1]["stage"] == "one" and stage != "one":
        sr.measure_spread(net, [pairs.pair(crops.at(step), step) for step in range(SPREAD_BATCHES)])

    def loss_of(images, step: int) -> Loss:
        pair, generator = pairs.pair(images, step), settings.generator(step)
        with fast(device):
            if stage == "one":
                return sr.stage_one(net, critic, pair, terms, step, generator)
            if stage == "twin":
                return sr.twin(net, critic, pair, terms, step)
            if stage == "noisy":
                return sr.noisy(net, critic, pair, terms, step, generator)
            if stage == "drawn":
                return sr.drawn(net, pair, generator)
            return sr.stage_two(net, critic, pair, terms, step, generator, alone=step < alone, without=without)

    about = {"stage": stage, "decoded_by": decoded_by, "large": large, "small": small, "alone": alone} | asdict(terms)
    if without:
        about["without"] = list(without)
    groups = [(1.0, sr.trained(net, stage)), (1.0, list(critic.parameters()))]
    run.train(both, groups, pairs.stream, loss_of, about)
    if check:
        report(net, sr.SrPairs(held_out, small, device), check, run.log)


if __name__ == "__main__":
    main()
