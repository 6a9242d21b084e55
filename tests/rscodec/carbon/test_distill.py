"""Distillation by PCA, on features whose structure is known."""

from __future__ import annotations

import pytest
import torch

from rscodec.carbon.distill import Student, channels_for, eigenbasis, explained, parameters_of
from rscodec.carbon.vgg import CHANNELS, STAGES, Vgg, full_widths


def features(count: int = 3) -> list[torch.Tensor]:
    """Six channels: three independent ones of variance 16, 4, 1, turned, around a mean; nothing in the other three."""
    generator = torch.Generator().manual_seed(2)
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=generator))
    spread = torch.tensor([4.0, 2.0, 1.0, 0, 0, 0])
    rows = [torch.randn(4, 50, 40, 6, generator=generator) * spread @ turn.T + 7 for _ in range(count)]
    return [row.permute(0, 3, 1, 2) for row in rows]


def test_the_basis_is_global_and_in_order():
    batches = features()
    basis = eigenbasis(batches)
    assert torch.allclose(basis.vectors.T @ basis.vectors, torch.eye(6, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(basis.mean, torch.full((6,), 7.0, dtype=torch.float64), atol=0.1)
    share = explained(basis, batches)
    assert share.tolist() == pytest.approx([16 / 21, 20 / 21, 1, 1, 1, 1], abs=0.01)
    whole = eigenbasis([torch.cat(batches)])
    assert torch.allclose(basis.vectors.abs()[:, :3], whole.vectors.abs()[:, :3], atol=1e-6)


def test_channels_are_the_fewest_that_explain_enough():
    share = explained(eigenbasis(features()), features())
    assert [channels_for(share, wanted) for wanted in (0.5, 0.85, 0.96, 0.999)] == [1, 2, 3, 3]


def test_reconstruction_is_least_along_the_first_vectors():
    batches = features(1)
    rows = batches[0].double().permute(0, 2, 3, 1).flatten(0, 2)
    basis = eigenbasis(batches)

    def error(vectors: torch.Tensor) -> float:
        centred = rows - basis.mean
        return float((centred - centred @ vectors @ vectors.T).square().sum(1).mean())

    assert error(basis.vectors[:, :2]) == pytest.approx(1, abs=0.05)
    assert error(basis.vectors[:, :2]) < error(torch.eye(6, dtype=torch.float64)[:, :2])


def test_vgg_is_that_of_torchvision_but_for_its_head():
    published = {"vgg11": 132_863_336, "vgg16": 138_357_544, "vgg19": 143_667_240}
    head = 25_088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    for name in STAGES:
        with torch.device("meta"):
            assert parameters_of(Vgg(3, full_widths(name))) == published[name] - head
    found = Vgg(4, [[4, 4], [6]])(torch.zeros(1, 4, 8, 8))
    assert [one.shape for one in found] == [(1, 4, 8, 8), (1, 6, 4, 4)] and len(CHANNELS) == 5


def test_a_student_learns_what_its_teacher_says():
    torch.manual_seed(1)
    teacher, x = Vgg(4, [[8], [8]]), torch.randn(4, 4, 16, 16)
    with torch.no_grad():
        for stage in teacher.stages:  # half of the channels say what the others say
            stage[0].weight[4:], stage[0].bias[4:] = 0.5 * stage[0].weight[:4], 0.5 * stage[0].bias[:4]
        wanted = teacher.layers(x)
    bases = [[eigenbasis([layer]) for layer in stage] for stage in wanted]
    student = Student(4, [[4], [4]], bases)
    assert parameters_of(student.vgg) < parameters_of(teacher) / 2
    for stage in (0, 1):
        optimizer = torch.optim.Adam(student.block(stage, 0), 1e-2)
        losses = []
        for _ in range(100):
            loss = student.loss(x, wanted[stage][0], stage, 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.3 * losses[0] and losses[-1] < 0.6
