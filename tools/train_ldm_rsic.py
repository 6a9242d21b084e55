"""Trains LDM-RSIC, on a CPU (in bfloat16 if it supports it) or on CUDA. Run it again to resume from its checkpoint.

    python tools/train_ldm_rsic.py --shard local/shard.zip --stage one --run local/ldm1
    python tools/train_ldm_rsic.py --shard local/shard.zip --stage two --run local/ldm2 --start local/ldm1/average.pt
    python tools/train_ldm_rsic.py --shard local/shard.zip --stage twin --run local/ldm0
    python tools/train_ldm_rsic.py ... --jpeg2000 --workers 12            pairs from OpenJPEG instead of our codec

Stage one trains the enhancement network with the learnt prior. Stage two trains the generation of the prior: for the
first --alone steps only the prior, then both. The twin is stage one without a prior, for comparison. One ground of 40
of the shard is held out; at the end, the gains on it are logged for each kind of prior. rscodec/training/run.py
describes the run folder. `tools/export_ldm_rsic.py` exports its weights.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import click
import torch

from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN
from rscodec.cli.main import Tool
from rscodec.cli.tool_options import EXISTING, run_options
from rscodec.enhancers.ldm_rsic import LdmConfig, LdmRsic
from rscodec.generative.blending import ALIGN
from rscodec.networks.precision import fast
from rscodec.training import checkpoint, ldm
from rscodec.training.data import Crops, Pools, load_shard
from rscodec.training.pairs import PICTURE, CodecPairs, Jpeg2000Crops, Pair, frozen_codec, through_jpeg2000
from rscodec.training.run import Run

RATES = (0.1, 0.2, 0.4, 0.8, 1.6)


def begin(stage: str, start: Path | None, config: LdmConfig) -> tuple[LdmRsic, list[dict]]:
    """The network to train, and the history of its training."""
    if start is None:
        if stage == "two":
            raise click.UsageError("--stage two goes on from stage one: give its average.pt with --start")
        return LdmRsic(config), []
    saved = checkpoint.load(start)
    before, module = LdmConfig.from_dict(saved["config"]), saved["module"]
    if stage == "two" and saved["history"][-1]["stage"] != "two":
        net = LdmRsic(replace(before, steps=config.steps))
        untrained = {key: value for key, value in net.state_dict().items() if key.startswith("denoiser.")}
        net.load_state_dict(module | untrained)
        net.lrm_dm.start_from(net.lrm)
    else:
        net = LdmRsic(before)
        net.load_state_dict(module)
    return net, saved["history"]


def report(net: LdmRsic, source, crops: Crops, batches: int, log) -> None:
    """Log the gain on held-out crops at each quality (or rate), for each kind of prior."""
    net.eval()
    points = range(int(QUALITY_MIN), int(QUALITY_MAX) + 1) if net.config.takes == "stream" else RATES
    for point in points:
        gains = dict.fromkeys(ldm.PRIORS, 0.0)
        for step in range(batches):
            pair = held_out_pair(source, crops.at(step).pixels, point)
            for prior in ldm.PRIORS:
                gains[prior] += ldm.gain_of(net, pair, prior) / batches
        log(
            f"held out, {'q' if net.config.takes == 'stream' else 'bpp'} {point}: "
            + ", ".join(f"{prior} {gain:+.3f} dB" for prior, gain in gains.items())
        )


def held_out_pair(source, pixels: torch.Tensor, point: float) -> Pair:
    if isinstance(source, CodecPairs):
        return source.at(pixels, torch.full((len(pixels),), float(point)))
    decoded = torch.stack([torch.from_numpy(through_jpeg2000(crop, point)) for crop in pixels.numpy()])
    start = (pixels.shape[2] - source.window) // 2 // ALIGN * ALIGN
    middle = (..., *[slice(start, start + source.window)] * 2)
    return source.pair(torch.stack([pixels[middle], decoded[middle]]), 0)


@click.command(cls=Tool)
@run_options()
@click.option("--stage", type=click.Choice(ldm.STAGES), required=True)
@click.option(
    "--codec",
    "codec_weights",
    type=EXISTING,
    default=Path("rscodec/weights/rsc-s-2.safetensors"),
    show_default=True,
    help="The codec that decodes the crops.",
)
@click.option("--jpeg2000", is_flag=True, help="Use pairs from OpenJPEG.")
@click.option("--workers", default=0, help="Processes that run OpenJPEG.")
@click.option("--alone", default=0, help="Stage two: first steps in which only the prior is trained.")
@click.option("--together", default=1, help="Batches in a step, each on its own thread.")
@click.option("--window", default=128, help="Edge of windows and crops: 32 times a power of two.")
@click.option("--diffusion-steps", default=4, help="T of a new stage two.")
@click.option("--check", default=4, help="Batches of held-out crops for the gains at the end; 0 omits the gains.")
def main(settings, stage, codec_weights, jpeg2000, workers, alone, together, window, diffusion_steps, check) -> None:
    if jpeg2000 and window > PICTURE - ALIGN:
        raise click.UsageError(f"--window {window}: with --jpeg2000, windows are cut out of crops of {PICTURE}")
    settings.prepare()
    config = replace(LdmConfig(), takes="raster" if jpeg2000 else "stream", window=window, steps=diffusion_steps)
    device, seed = settings.device, settings.seed
    net, history = begin(stage, settings.start, config)
    net.to(device, memory_format=torch.channels_last)
    run = Run(settings, {"--stage": stage, "config": asdict(net.config)}, history, click.echo)

    seen, apart = load_shard(settings.shard, seed)
    size = PICTURE if jpeg2000 else net.config.window
    crops = Crops(seen, settings.batch, size, seed)
    held_out = Crops(Pools(apart.full, []), settings.batch, size, seed + 1)
    if jpeg2000:
        source, made_by = Jpeg2000Crops(crops, net.config.window, device, workers), "OpenJPEG through Pillow"
    else:
        codec, made_by = frozen_codec(codec_weights)
        source = CodecPairs(codec, crops, device)

    def loss_of(images, step: int) -> ldm.Loss:
        pair = source.pair(images, step)
        with fast(device, cache_enabled=False):  # threads would share the cache
            if stage == "one":
                return ldm.stage_one(net, pair)
            if stage == "twin":
                return ldm.twin(net, pair)
            return ldm.stage_two(net, pair, settings.generator(step), alone=step < together * alone)

    about = {"stage": stage, "decoded_by": made_by, "alone": alone}
    run.train(net, [(1.0, ldm.trained(net, stage))], source.stream, loss_of, about, together)
    if check:
        report(net, source, held_out, check, run.log)


if __name__ == "__main__":
    main()
