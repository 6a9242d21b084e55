"""Trains LDM-RSIC, on a CPU (in bfloat16 if it supports it) or on CUDA. Run it again to resume from its checkpoint.

    python tools/train_ldm_rsic.py --shard local/shard.zip --stage one --run local/ldm1
    python tools/train_ldm_rsic.py --shard local/shard.zip --stage two --run local/ldm2 --start local/ldm1/average.pt
    python tools/train_ldm_rsic.py --shard local/shard.zip --stage twin --run local/ldm0
    python tools/train_ldm_rsic.py ... --jpeg2000 --workers 12            pairs from OpenJPEG instead of our codec
    python tools/train_ldm_rsic.py ... --stage one --realism --start rscodec/weights/ldm-rsic-2.safetensors

Stage one trains the enhancement network with the learnt prior. Stage two trains the generation of the prior: for the
first --alone steps only the prior, then both. Instead of stage two, stage drawn trains the prior alone, as a
distribution. The twin is stage one without a prior, for comparison. With --realism, half of the steps train results
that look real (rscodec/training/ldm.py). About one in 35 grounds of the shard is held out; at the end, the gains on
them are logged for each kind of prior. rscodec/training/run.py describes the run folder. `tools/export_ldm_rsic.py`
exports its weights.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import click
import torch
import torch.nn.functional as F

from rscodec.bitstreams.limits import QUALITY_MAX, QUALITY_MIN
from rscodec.cli.main import Tool
from rscodec.cli.tool_options import EXISTING, run_options
from rscodec.enhancers.ldm_rsic import FORMAT, LdmConfig, LdmRsic
from rscodec.generative.blending import ALIGN
from rscodec.models.model_file import read_model
from rscodec.networks.precision import fast
from rscodec.training import checkpoint, ldm
from rscodec.training.critic import WithCritic
from rscodec.training.data import Crops, Pools, load_shard
from rscodec.training.pairs import PICTURE, CodecPairs, Jpeg2000Crops, Pair, frozen_codec, through_jpeg2000
from rscodec.training.run import Run

RATES = (0.1, 0.2, 0.4, 0.8, 1.6)
GENERATING = ("two", "drawn")  # the stages that train the denoiser


def begin(stage: str, start: Path | None, config: LdmConfig) -> tuple[WithCritic, list[dict]]:
    """The networks to train, and the history of their training. A network that is new to realism ignores it at
    first.
    """
    if stage in GENERATING and (start is None or start.suffix == ".safetensors"):
        raise click.UsageError(
            f"--stage {stage} continues stage one: give its average.pt with --start (a weights file lacks the LRM)"
        )
    if start is None:
        return WithCritic(LdmRsic(config)), []
    if start.suffix == ".safetensors":
        about = json.loads(start.with_suffix(".json").read_text())
        return WithCritic(from_weights(start, config.realism)), about["history"]
    saved = checkpoint.load(start)
    before, state = LdmConfig.from_dict(saved["config"]), saved["module"]
    now = replace(before, realism=config.realism or before.realism)
    if now != before:
        state = with_realism(state, "net.")
    if stage not in GENERATING or saved["history"][-1]["stage"] in GENERATING:
        both = WithCritic(LdmRsic(now))
        both.load_state_dict(state)
        return both, saved["history"]
    both = WithCritic(LdmRsic(replace(now, steps=config.steps)))
    untrained = {key: value for key, value in both.state_dict().items() if key.startswith("net.denoiser.")}
    both.load_state_dict(state | untrained)
    both.net.lrm_dm.start_from(both.net.lrm)
    return both, saved["history"]


def from_weights(path: Path, realism: bool) -> LdmRsic:
    """The network of weights that ship, with a new LRM."""
    file = read_model(path, FORMAT, "enhancer", LdmConfig)
    net = LdmRsic(replace(file.config, realism=realism or file.config.realism))
    state = net.state_dict() | {key: value.float() for key, value in file.tensors.items()}
    if realism and not file.config.realism:
        state = with_realism(state)
    net.load_state_dict(state)
    return net


def with_realism(state: dict[str, torch.Tensor], prefix: str = "") -> dict[str, torch.Tensor]:
    """The state with an input for realism, which the network ignores."""
    name = f"{prefix}compression.0.weight"
    return state | {name: F.pad(state[name], (0, 1))}


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
@click.option("--realism", is_flag=True, help="Also train results that look real. Not with --jpeg2000 or stage two.")
@click.option("--adversarial", default=0.25, show_default=True, help="With --realism: weight of the critic.")
@click.option("--check", default=4, help="Batches of held-out crops for the gains at the end; 0 omits the gains.")
def main(
    settings,
    stage,
    codec_weights,
    jpeg2000,
    workers,
    alone,
    together,
    window,
    diffusion_steps,
    realism,
    adversarial,
    check,
) -> None:
    if realism and (jpeg2000 or stage == "two"):
        raise click.UsageError("--realism is for streams, and for stages one, drawn and twin")
    if stage == "drawn" and not realism:
        raise click.UsageError("--stage drawn needs --realism: a model without it does not sample its prior")
    if jpeg2000 and window > PICTURE - ALIGN:
        raise click.UsageError(f"--window {window}: with --jpeg2000, windows are cut out of crops of {PICTURE}")
    settings.prepare()
    takes = "raster" if jpeg2000 else "stream"
    config = replace(LdmConfig(), takes=takes, window=window, steps=diffusion_steps, realism=realism)
    device, seed = settings.device, settings.seed
    both, history = begin(stage, settings.start, config)
    both.to(device, memory_format=torch.channels_last)
    net, critic = both.net, both.critic
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
        pair, generator = source.pair(images, step), settings.generator(step)
        wanted = ldm.realism_of(seed, step) if realism else 0.0
        looks = ldm.Looks(wanted, critic, adversarial)
        with fast(device, cache_enabled=False):  # threads would share the cache
            if stage == "one":
                return ldm.stage_one(net, pair, looks)
            if stage == "twin":
                return ldm.twin(net, pair, looks)
            if stage == "drawn":
                return ldm.drawn(net, pair, generator, wanted)
            return ldm.stage_two(net, pair, generator, alone=step < together * alone)

    about = {"stage": stage, "decoded_by": made_by, "alone": alone}
    about |= {"realism": True, "adversarial": adversarial} if realism else {}
    groups = [(1.0, ldm.trained(net, stage)), (1.0, list(critic.parameters()))]
    run.train(both, groups, source.stream, loss_of, about, together)
    if check:
        report(net, source, held_out, check, run.log)


if __name__ == "__main__":
    main()
