"""Trains SlimDiffSR, on a CPU (in bfloat16 if it supports it) or on CUDA. Run it again to resume from its checkpoint.

    python tools/train_slimdiffsr.py --shard local/shard.zip --stage autoencoder --run local/sl1
    python tools/train_slimdiffsr.py --shard local/shard.zip --stage diffusion   --run local/sl2 --start local/sl1/average.pt
    python tools/train_slimdiffsr.py --shard local/shard.zip --stage uncertainty --run local/sl3 --start local/sl2/average.pt
    python tools/train_slimdiffsr.py --shard local/shard.zip --stage teacher     --run local/sl4 --start local/sl3/average.pt
    python tools/train_slimdiffsr.py --shard local/shard.zip --stage student     --run local/sl5 --start local/sl4/average.pt

Each stage trains a part of the teacher (rscodec/training/slimdiff_teacher.py), the last one the student. Without
--start, or with that of an earlier student, the student learns from pictures only. Batches are degraded
to a quarter and to an eighth in turn. With --codec, half of the small images are decoded by our codec at a random
quality. About one in 35 grounds is held out; at the end, PSNR and LPIPS on them are logged beside those of bicubic
interpolation. --teacher sd21:PATH uses Stable Diffusion 2.1 instead of the first two stages (give it in every later
stage). rscodec/training/run.py describes the run folder. `tools/export_slimdiffsr.py` exports the weights of the last
stage.
"""  # noqa: E501

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import click
import torch

from rscodec.cli.main import Tool
from rscodec.cli.tool_options import EXISTING, gathered, run_options
from rscodec.models.model_file import read_model
from rscodec.networks.precision import fast
from rscodec.training import checkpoint, slimdiff
from rscodec.training.critic import WithCritic
from rscodec.training.data import Crops, Pools, load_shard
from rscodec.training.degraded import DegradedPairs
from rscodec.training.ldm import Loss
from rscodec.training.lora import merge
from rscodec.training.pairs import CodecPairs, frozen_codec
from rscodec.training.run import Run
from rscodec.training.slimdiff_teacher import CONFIGS, FULL, Teacher, TeacherConfig
from rscodec.training.stable_diffusion import stable_teacher
from rscodec.upsamplers.slimdiffsr import FORMAT, SCALES, SlimConfig, SlimDiffSr

SPREAD_BATCHES = 16
STABLE = "sd21:"
SWITCHES = ("fused", "fsc", "dsc", "qgam")
FIRST_STAGES = ("autoencoder", "diffusion")  # which Stable Diffusion replaces


def taught_so_far(
    stage: str, start: Path | None, stable: str | None, config: TeacherConfig
) -> tuple[WithCritic, list[dict]]:
    """The teacher with its critic, and the history of their training."""
    if stable and (stage in FIRST_STAGES or not stable.startswith(STABLE)):
        raise click.UsageError(f"--teacher takes {STABLE}PATH, and only from --stage uncertainty on")
    if start is None and stage != "autoencoder" and not (stable and stage == "uncertainty"):
        raise click.UsageError(f"--stage {stage} continues the stage before: give its average.pt with --start")
    saved = checkpoint.load(start) if start else {"config": asdict(config), "history": []}
    before = TeacherConfig.from_dict(saved["config"])
    config = before if config.timestep is None else replace(before, timestep=config.timestep)
    found = WithCritic(stable_teacher(Path(stable.removeprefix(STABLE)), config) if stable else Teacher(config))
    if any(sitting["stage"] == "teacher" for sitting in saved["history"]):
        found.net.adapt()
    if start:
        found.load_state_dict(saved["module"])
    if stage == "teacher":
        found.net.adapt()
    return found, saved["history"]


def student_of(teacher: Teacher | None, without: tuple[str, ...]) -> WithCritic:
    """A new student and its critic. The teacher is frozen."""
    config = SlimConfig(**dict.fromkeys(set(without) - {"pruning", "tiny"}, False))
    if "tiny" in without:
        config = replace(config, width=FULL.width, encoder_blocks=FULL.blocks, fused=False)
    if "pruning" in without:
        config = replace(config, widths=(*config.widths, 192, 192))
    if teacher:
        merge(teacher.unet)
        teacher.eval().requires_grad_(False)
    return WithCritic(slimdiff.Student(SlimDiffSr(config), teacher.unet.widths[0] if teacher else 1))


def earlier_student(path: Path) -> tuple[WithCritic, list[dict]] | None:
    """The student of a weights file or of a run, with a new critic, and the history of its training. None if this is
    the run of a teacher.
    """
    if path.suffix == ".safetensors":
        file = read_model(path, FORMAT, "upsampler", SlimConfig)
        net = file.load_into(SlimDiffSr(file.config), (), "cpu").train().requires_grad_(True)
        history = json.loads(path.with_suffix(".json").read_text())["history"]
    else:
        saved = checkpoint.load(path)
        history = saved["history"]
        if history[-1]["stage"] != "student":
            return None
        net = SlimDiffSr(SlimConfig.from_dict(saved["config"]))
        net.load_state_dict(checkpoint.part(saved["module"], "net.net."))
    return WithCritic(slimdiff.Student(net, 1)), history


def report(stage: str, net, pairs: DegradedPairs, batches: int, lpips: bool, log) -> None:
    """Log the quality of a stage's images on held-out crops, beside bicubic interpolation."""
    teacher, student = (None, net) if stage == "student" else (net, None)
    for scale in SCALES:
        sums: dict[str, float] = {}
        for step in range(batches):
            pair, generator = pairs.at(step, scale), torch.Generator().manual_seed(step)
            for name, images in (
                ("bicubic", pair.raised),
                (stage, slimdiff.made_by(stage, teacher, student, pair, generator)),
            ):
                for figure, value in slimdiff.judged(images, pair, lpips).items():
                    sums[f"{name} {figure}"] = sums.get(f"{name} {figure}", 0.0) + value / batches
        log(f"held out, x{scale:g}: " + ", ".join(f"{name} {value:.4f}" for name, value in sums.items()))


@click.command(cls=Tool)
@run_options(batch=8, start="average.pt of the stage before; or average.pt or .safetensors of a student.")
@gathered("terms", slimdiff.Weights)
@click.option("--stage", type=click.Choice(slimdiff.STAGES), required=True)
@click.option("--teacher", "stable", metavar="sd21:PATH", help="Use Stable Diffusion 2.1 as a teacher.")
@click.option(
    "--config",
    "widths",
    type=click.Choice(list(CONFIGS)),
    default="full",
    show_default=True,
    help="Configuration of a new teacher.",
)
@click.option("--timestep", type=float, help="Teacher: this step instead of an estimated one (ablation).")
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(["pruning", "tiny", *SWITCHES]),
    help="Student: a part to omit; tiny: the teacher's encoder, not fused. Repeat it for several.",
)
@click.option(
    "--codec", "codec_weights", type=EXISTING, help="Weights of the codec that decodes half of the small images."
)
@click.option("--workers", default=0, help="Processes that degrade images.")
@click.option("--crop", default=128, help="Edge of crops, a multiple of 128.")
@click.option("--perceptual", default=1.0, show_default=True, help="Weight of LPIPS; 0 omits it, also from the report.")
@click.option("--adversarial", default=0.1, show_default=True, help="Weight of the adversarial term; 0 omits it.")
@click.option("--critic-from", default=0, help="First step with a discriminator.")
@click.option("--variation", default=0.01, show_default=True, help="Teacher: weight of the variation of alpha.")
@click.option("--features", default=0.1, show_default=True, help="Student: weight of the MSE of features.")
@click.option("--mmd", default=0.1, show_default=True, help="Student: weight of MMD.")
@click.option("--check", default=4, help="Batches of held-out crops for the figures at the end; 0 omits the figures.")
def main(settings, terms, stage, stable, widths, timestep, without, codec_weights, workers, crop, check) -> None:
    settings.prepare()
    device, seed = settings.device, settings.seed
    teacher, history = None, []
    earlier = earlier_student(settings.start) if stage == "student" and settings.start else None
    if earlier:
        if stable or without:
            raise click.UsageError("an earlier student keeps its parts, and learns without a --teacher")
        trained, history = earlier
    elif stage != "student" or settings.start or stable:
        trained, history = taught_so_far(stage, settings.start, stable, replace(CONFIGS[widths], timestep=timestep))
        teacher = trained.net.to(device, memory_format=torch.channels_last)
    if stage == "student" and not earlier:
        trained = student_of(teacher, without)
    trained.to(device, memory_format=torch.channels_last)
    net, critic = trained.net, trained.critic
    config = (net.net if stage == "student" else net).config
    run = Run(settings, {"--stage": stage, "config": asdict(config)}, history, click.echo)

    seen, apart = load_shard(settings.shard, seed)
    crops, codec, decoded_by = Crops(seen, settings.batch, crop, seed), None, None
    if codec_weights:
        codec, decoded_by = frozen_codec(codec_weights)
        codec = CodecPairs(codec, crops, device)
    pairs = DegradedPairs(crops, device, codec, workers)
    held_out = DegradedPairs(Crops(Pools(apart.full, []), settings.batch, crop, seed + 1), device)
    if stage == "diffusion" and history[-1]["stage"] == "autoencoder":
        slimdiff.measure_spread(net, [pairs.at(step, SCALES[0]) for step in range(SPREAD_BATCHES)])

    def loss_of(images, step: int) -> Loss:
        pair, generator = pairs.pair(images, step), settings.generator(step)
        with fast(device):
            if stage == "autoencoder":
                return slimdiff.autoencoder(net, critic, pair, terms, step)
            if stage == "diffusion":
                return slimdiff.diffusion(net, pair, generator)
            if stage == "uncertainty":
                return slimdiff.uncertainty(net, pair)
            if stage == "teacher":
                return slimdiff.teacher_step(net, critic, pair, terms, step)
            return slimdiff.student_step(net, teacher, critic, pair, terms, step)

    about = {"stage": stage, "teacher": stable or widths, "timestep": timestep, "decoded_by": decoded_by, "crop": crop}
    groups = [(1.0, slimdiff.trained(net, stage)), (1.0, list(critic.parameters()))]
    run.train(trained, groups, pairs.stream, loss_of, about | asdict(terms))
    if check:
        with fast(device):
            report(stage, net.eval(), held_out, check, bool(terms.perceptual), run.log)


if __name__ == "__main__":
    main()
