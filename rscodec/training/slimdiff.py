"""The losses of SlimDiffSR's stages, and the quality that each reaches.

autoencoder   decode(encode(I)) against I: L1 + LPIPS + adversarial
diffusion     the UNet's v of a noisy z_gt: MSE
uncertainty   1/2 mean(exp(-s) |z_gt - z_mean|^2 + 3 s)                                            equation 5
teacher       decode(one_step(z_lr)) against I: L1 + LPIPS + adversarial (20), + TV of alpha (21)
student       L1 + LPIPS + adversarial (20), + 0.1 (MSE + MMD) of features to the teacher's        16 to 19
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn as nn

from rscodec.generative.diffusion.samplers import normal
from rscodec.metrics.perceptual import perceptual
from rscodec.training.critic import Critic, contested
from rscodec.training.ldm import Loss
from rscodec.training.slimdiff_teacher import Teacher
from rscodec.training.sr import SrPair
from rscodec.upsamplers.slimdiffsr import SlimDiffSr
from rscodec.upsamplers.whole import Measured

PARTS = {
    "autoencoder": ("autoencoder",),
    "diffusion": ("unet",),
    "uncertainty": ("estimator",),
    "teacher": ("unet", "pred"),
    "student": ("net", "adapter"),
}
STAGES = tuple(PARTS)
SAMPLES = 512  # samples of features for MMD
BANDWIDTHS = (0.5, 1.0, 2.0)  # bandwidths of the RBF kernels, relative to the mean squared distance


@dataclass(frozen=True)
class Weights:
    """Weights of the terms beside L1. There is no adversarial term before step `critic_from`."""

    perceptual: float = 1.0
    adversarial: float = 0.0
    critic_from: int = 0
    variation: float = 0.01
    features: float = 0.1
    mmd: float = 0.1


class Student(nn.Module):
    """The modules that the last stage trains: the student, and the adapter through which its features are compared."""

    def __init__(self, net: SlimDiffSr, taught: int):
        super().__init__()
        self.net, self.adapter = net, nn.Conv2d(net.config.widths[0], taught, 1)


def trained(whole: Teacher | Student, stage: str) -> list[nn.Parameter]:
    """Return the parameters that a stage trains."""
    parameters = [parameter for part in PARTS[stage] for parameter in getattr(whole, part).parameters()]
    return [parameter for parameter in parameters if parameter.requires_grad]


def autoencoder(teacher: Teacher, critic: Critic, pair: SrPair, weights: Weights, step: int) -> Loss:
    coder = teacher.autoencoder
    return reconstruction(coder.decode(coder.encode(pair.original)), pair, critic, weights, step, coder.last_layer)


def diffusion(teacher: Teacher, pair: SrPair, generator: torch.Generator) -> Loss:
    with torch.no_grad():
        z = teacher.autoencoder.encode(pair.original)
    steps = torch.randint(1, len(teacher.schedule) + 1, (len(z),), generator=generator).to(z.device)
    noise, kept = normal(z.shape, generator, z.device), teacher.schedule.kept.to(z)[steps][:, None, None, None]
    noisy = kept.sqrt() * z + (1 - kept).sqrt() * noise
    found = teacher.unet.predicted(teacher.unet.features(noisy, steps))
    loss = (found - teacher.target(z, noise, kept)).square().mean()
    return loss, {}


def uncertainty(teacher: Teacher, pair: SrPair) -> Loss:
    with torch.no_grad():
        z_gt, z_lr = (teacher.autoencoder.encode(images) for images in (pair.original, pair.raised))
    mean, log_variance = teacher.estimator(z_lr)
    error = (z_gt - mean).square()
    loss = ((-log_variance).exp() * error + 3 * log_variance).mean() / 2
    return loss, {"error": error.mean(), "given": (z_gt - z_lr).square().mean()}


def teacher_step(teacher: Teacher, critic: Critic, pair: SrPair, weights: Weights, step: int) -> Loss:
    with torch.no_grad():
        z_gt, z_lr = (teacher.autoencoder.encode(images) for images in (pair.original, pair.raised))
    found = teacher.one_step(z_lr, z_gt)
    made = teacher.autoencoder.decode(found.z)
    loss, figures = reconstruction(made, pair, critic, weights, step, teacher.last_layer)
    smooth = total_variation(found.alpha)
    return loss + weights.variation * smooth, figures | {"variation": smooth, "time": found.times.mean()}


def student_step(
    student: Student, teacher: Teacher | None, critic: Critic, pair: SrPair, weights: Weights, step: int
) -> Loss:
    """Compute the losses of the student. Without a teacher, there is no distillation."""
    features = student.net.features(pair.raised, Measured())
    made = pair.raised + student.net.change(features)
    loss, figures = reconstruction(made, pair, critic, weights, step, student.net.decoder.head.weight)
    if teacher is None:
        return loss, figures
    with torch.no_grad():
        z_gt, z_lr = (teacher.autoencoder.encode(images) for images in (pair.original, pair.raised))
        taught = teacher.one_step(z_lr, z_gt).features.float()
    learnt = student.adapter(features).float()
    near, alike = (learnt - taught).square().mean(), mmd(learnt, taught)
    return loss + weights.features * near + weights.mmd * alike, figures | {"features": near, "mmd": alike}


def reconstruction(
    made: torch.Tensor, pair: SrPair, critic: Critic, weights: Weights, step: int, layer: nn.Parameter
) -> Loss:
    """Compute equation 20."""
    l1 = (made - pair.original).abs().mean()
    loss, figures = l1, {"l1": l1}
    if weights.perceptual:
        figures["lpips"] = perceptual(made, pair.original).mean()
        loss = loss + weights.perceptual * figures["lpips"]
    if weights.adversarial and step >= weights.critic_from:
        loss, more = contested(loss, made, pair.original, critic, weights.adversarial, layer)
        figures |= more
    return loss, figures


def total_variation(x: torch.Tensor) -> torch.Tensor:
    """Compute equation 21."""
    return x.diff(dim=2).square().mean() + x.diff(dim=3).square().mean()


def mmd(learnt: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """Return the squared maximum mean discrepancy of features (B, C, h, w), with RBF kernels (equations 17, 18)."""
    a, b = (x.transpose(1, 3).flatten(0, 2) for x in (learnt, taught))
    every = -(-len(a) // SAMPLES)
    both = torch.cat([a[::every], b[::every]]).float()
    with torch.autocast(both.device.type, enabled=False):
        power = both.square().sum(1)
        distance = (power[:, None] + power - 2 * both @ both.t()).clamp(min=0)
    unit = distance.detach().mean() + 1e-6
    kernel = sum((-distance / (width * unit)).exp() for width in BANDWIDTHS) / len(BANDWIDTHS)
    count = len(both) // 2
    return kernel[:count, :count].mean() + kernel[count:, count:].mean() - 2 * kernel[:count, count:].mean()


@torch.no_grad()
def measure_spread(teacher: Teacher, pairs: list[SrPair]) -> None:
    """Scale latents to unit variance from now on. Call this before the diffusion is trained."""
    coder = teacher.autoencoder
    coder.spread.fill_(1.0)
    squares = [coder.encode(pair.original).square().mean((0, 2, 3), keepdim=True) for pair in pairs]
    coder.spread.copy_(torch.stack(squares).mean(0).sqrt().clamp(min=1e-3))


@torch.no_grad()
def made_by(
    stage: str, teacher: Teacher | None, student: Student | None, pair: SrPair, generator: torch.Generator
) -> torch.Tensor:
    """Return the images that show what a stage has learnt. Only those of the autoencoder depend on the original."""
    if stage == "student":
        return pair.raised + student.net(pair.raised)
    coder = teacher.autoencoder
    if stage == "autoencoder":
        return coder.decode(coder.encode(pair.original))
    if stage == "diffusion":
        return teacher.multi_step(pair.raised, generator)
    if stage == "uncertainty":
        return coder.decode(teacher.estimator(coder.encode(pair.raised))[0])
    return teacher.restored(pair.raised)


@torch.no_grad()
def judged(made: torch.Tensor, pair: SrPair, lpips: bool = True) -> dict[str, float]:
    """Return mean PSNR in dB and LPIPS of images, rounded to 8-bit levels as in a file."""
    made = (255 * made).round().clamp(0, 255) / 255
    squares = (made - pair.original).square().flatten(1).mean(1)
    figures = {"psnr": float((-10 * (squares + 1e-9).log10()).mean())}
    return figures | ({"lpips": float(perceptual(made, pair.original).mean())} if lpips else {})
