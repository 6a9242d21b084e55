"""Compares SlimDiffSR's teacher, its student and 50 steps of the same diffusion on the same degraded images, and draws
the maps.

    RSCODEC_DATA=... python tools/compare_slimdiffsr.py test/ucmerced test/naip --diffusion local/sl2
        --teacher local/sl4 --student local/sl5 --out local/slim

Each image is upsampled by all in turn: PSNR, LPIPS, seconds of one thread. --limit uses the first images only, and
--steps-limit those for the 50 steps. For the first image, maps.png shows the estimator's uncertainty and the step that
the teacher chooses for each pixel.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path

import click
import matplotlib
import numpy as np
import torch

from rscodec.eval import datasets, sr
from rscodec.metrics.perceptual import lpips_distance
from rscodec.metrics.pixels import psnr
from rscodec.training import checkpoint
from rscodec.training.lora import merge
from rscodec.training.slimdiff_teacher import Teacher, TeacherConfig
from rscodec.upsamplers.maps import resize
from rscodec.upsamplers.slimdiffsr import SlimConfig, SlimDiffSr

matplotlib.use("Agg")
from matplotlib import pyplot

UNIT = 64  # edges of interpolated images are multiples of this, for latents of the deepest level


def load_teacher(run: Path) -> Teacher:
    saved = checkpoint.load(run / "average.pt")
    teacher = Teacher(TeacherConfig.from_dict(saved["config"]))
    if any(sitting["stage"] == "teacher" for sitting in saved["history"]):
        teacher.adapt()
    teacher.load_state_dict(checkpoint.part(saved["module"], "net."))
    merge(teacher.unet)
    return teacher.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def load_student(run: Path) -> SlimDiffSr:
    saved = checkpoint.load(run / "average.pt")
    student = SlimDiffSr(SlimConfig.from_dict(saved["config"]))
    student.load_state_dict(checkpoint.part(saved["module"], "net.net."))
    return student.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def draw_maps(teacher: Teacher, raised: torch.Tensor, path: Path) -> None:
    z = teacher.autoencoder.encode(raised)
    unsure = teacher.estimator(z)[1].mean(1)[0]
    panels = (
        ("input", raised[0].permute(1, 2, 0)),
        ("ln variance", unsure),
        ("timestep", teacher.one_step(z).times[0, 0]),
    )
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 4))
    for axis, (title, values) in zip(axes, panels, strict=True):
        drawn = axis.imshow(values.clamp(0, 1) if title == "input" else values, cmap="viridis")
        axis.set_title(title)
        axis.axis("off")
        if title != "input":
            figure.colorbar(drawn, ax=axis, shrink=0.8)
    figure.savefig(path, dpi=120, bbox_inches="tight")


@click.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--diffusion", "diffusion_run", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--teacher", "teacher_run", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--student", "student_run", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--scale", default=4, show_default=True)
@click.option("--limit", type=int, help="Use only the first N images.")
@click.option("--steps-limit", default=1, show_default=True, help="Number of images for the 50 steps.")
@torch.inference_mode()
def main(images, diffusion_run, teacher_run, student_run, out, scale, limit, steps_limit) -> None:
    torch.set_num_threads(1)
    teacher, student = load_teacher(teacher_run), load_student(student_run)
    out.mkdir(parents=True, exist_ok=True)
    many = load_teacher(diffusion_run).multi_step
    contenders = {
        "bicubic": lambda raised: raised,
        "student": lambda raised: raised + student(raised),
        "teacher": teacher.restored,
        "50 steps": lambda raised: many(raised, torch.Generator().manual_seed(0)),
    }
    sums = defaultdict(lambda: defaultdict(list))
    for number, image in enumerate(datasets.images(list(images))[:limit]):
        small, original = sr.pair_of(image, scale, "degraded")
        height, width = (edge // UNIT * UNIT for edge in original.shape[1:])
        original = original[:, :height, :width]
        pixels = torch.from_numpy(small.pixels[None, :, : height // scale, : width // scale].astype(np.float32)) / 255
        raised = resize(pixels, height, width).contiguous(memory_format=torch.channels_last)
        if number == 0:
            draw_maps(teacher, raised, out / "maps.png")
        for name, contender in contenders.items():
            if name == "50 steps" and number >= steps_limit:
                continue
            started = time.process_time()
            made = contender(raised)
            seconds = time.process_time() - started
            found = (255 * made[0]).round().clamp(0, 255).byte().numpy()
            error = float(np.square(original.astype(float) - found).mean())
            figures = {"psnr_db": psnr(error, 255.0), "lpips": lpips_distance(original, found), "cpu_seconds": seconds}
            for figure, value in figures.items():
                sums[name][figure].append(value)
    result: dict = {}
    for name, found in sums.items():
        means = {figure: float(np.mean(values)) for figure, values in found.items()}
        result[name] = {"images": len(found["lpips"])} | means
    result["parameters"] = {
        name: sum(parameter.numel() for parameter in net.parameters())
        for name, net in (("teacher", teacher), ("student", student))
    }
    (out / "compare.json").write_text(json.dumps(result, indent=1) + "\n")
    for name, figures in result.items():
        click.echo(f"{name}: " + ", ".join(f"{figure} {value:.4g}" for figure, value in figures.items()))


if __name__ == "__main__":
    main()
