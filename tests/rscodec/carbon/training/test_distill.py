"""Distillation by PCA, on features whose structure is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rscodec.carbon.iidm import Iidm, IidmConfig
from rscodec.carbon.training.distill import Source, Tiles, analyse, blockwise
from rscodec.carbon.training.pca_student import Basis, Moments, Student, VggStudent, channels_for, parameters_of
from rscodec.carbon.vgg import CHANNELS, STAGES, Vgg, full_widths


def features(count: int = 3) -> list[torch.Tensor]:
    """Six channels: three independent ones of variance 16, 4, 1, turned, around a mean; nothing in the other three."""
    generator = torch.Generator().manual_seed(2)
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=generator))
    spread = torch.tensor([4.0, 2.0, 1.0, 0, 0, 0])
    rows = [torch.randn(4, 50, 40, 6, generator=generator) * spread @ turn.T + 7 for _ in range(count)]
    return [row.permute(0, 3, 1, 2) for row in rows]


def basis_of(batches: list[torch.Tensor]) -> Basis:
    moments = Moments()
    for batch in batches:
        moments.add(batch)
    return moments.basis()


def explained(basis: Basis, batches: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack([basis.explained(batch) for batch in batches]).mean(0)


def test_the_basis_is_global_and_in_order():
    batches = features()
    basis = basis_of(batches)
    assert torch.allclose(basis.vectors.T @ basis.vectors, torch.eye(6, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(basis.mean, torch.full((6,), 7.0, dtype=torch.float64), atol=0.1)
    share = explained(basis, batches)
    assert share.tolist() == pytest.approx([16 / 21, 20 / 21, 1, 1, 1, 1], abs=0.01)
    whole = basis_of([torch.cat(batches)])
    assert torch.allclose(basis.vectors.abs()[:, :3], whole.vectors.abs()[:, :3], atol=1e-6)


def test_channels_are_the_fewest_that_explain_enough():
    share = explained(basis_of(features()), features())
    assert [channels_for(share, wanted) for wanted in (0.5, 0.85, 0.96, 0.999)] == [1, 2, 3, 3]


def test_reconstruction_is_least_along_the_first_vectors():
    batches = features(1)
    rows = batches[0].double().permute(0, 2, 3, 1).flatten(0, 2)
    basis = basis_of(batches)

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


def redundant() -> Vgg:
    """A teacher of which half of the channels say what the others say."""
    torch.manual_seed(1)
    teacher = Vgg(4, [[8], [8]])
    with torch.no_grad():
        for stage in teacher.stages:
            stage[0].weight[4:], stage[0].bias[4:] = 0.5 * stage[0].weight[:4], 0.5 * stage[0].bias[:4]
    return teacher


def test_the_analysis_finds_what_is_redundant():
    teacher = redundant()
    batches = [(torch.randn(4, 4, 16, 16, generator=torch.Generator().manual_seed(step)),) for step in range(3)]
    found = analyse(teacher.layers, lambda: iter(batches))
    assert found.all == [8, 8] and max(found.needed) <= 4
    for basis, share in zip(found.bases, found.needed, strict=True):
        assert basis.vectors.shape == (8, 8) and share >= 1


def test_a_student_learns_block_by_block_what_its_teacher_says():
    teacher, x = redundant(), torch.randn(4, 4, 16, 16)
    bases = analyse(teacher.layers, lambda: iter([(x,)])).bases
    student = Student(Vgg(4, [[4], [4]]), [4, 4], bases)
    assert parameters_of(student.net) < parameters_of(teacher) / 2
    with torch.no_grad():
        before = [float(student.loss((x,), teacher.layers(x)[number], number)) for number in (0, 1)]
    said = []
    after = blockwise(student, teacher.layers, lambda step: (x,), 100, 1e-2, said.append)
    assert len(said) == 2 and all(late < 0.6 and late < 0.4 * early for early, late in zip(before, after, strict=True))


def test_a_layer_is_learnt_from_least_squares_on():
    teacher, x = redundant(), torch.randn(4, 4, 16, 16)
    student = Student(Vgg(4, [[4], [4]]), [4, 4], analyse(teacher.layers, lambda: iter([(x,)])).bases)
    student.begin(1, [(x[:2],), (x[2:],)], teacher.layers)
    wanted, readout = teacher.layers(x)[1], student.readouts[1]
    loss = student.loss((x,), wanted, 1)
    loss.backward()
    assert max(readout.weight.grad.abs().max(), readout.bias.grad.abs().max()) < 1e-3
    torch.nn.init.normal_(readout.weight)
    assert student.loss((x,), wanted, 1) > 1.5 * loss


def test_a_vgg_begins_as_its_teacher_between_two_bases():
    torch.manual_seed(1)
    teacher, x, left = Vgg(4, [[8, 8]]), torch.randn(4, 4, 16, 16), {}
    first, second = teacher.stages[0]
    with torch.no_grad():  # two of eight channels tell all, edges are like the rest, and ReLU cuts nothing off
        first.weight[2:] = torch.randn(6, 1, 1, 1) * first.weight[:1] + torch.randn(6, 1, 1, 1) * first.weight[1:2]
        second.weight[..., [0, 2]], second.weight[..., [0, 2], :] = 0, 0
        second.weight -= second.weight.mean(1, keepdim=True)
        first.bias[:], second.bias[:] = 20, 20
    bases = analyse(teacher.layers, lambda: iter([(x,)])).bases
    for kind in (Student, VggStudent):
        net = Vgg(4, [[2, 2]])
        student = Student(net, [2, 2], bases) if kind is Student else VggStudent(net, teacher, [2, 2], bases)
        for number in (0, 1):
            student.begin(number, [(x,)], teacher.layers)
        with torch.no_grad():
            left[kind] = [float(student.loss((x,), teacher.layers(x)[number], number)) for number in (0, 1)]
    assert max(left[VggStudent]) < 0.05 < 0.3 < min(left[Student])


def test_a_block_is_trained_alone():
    teacher, x = redundant(), torch.randn(2, 4, 16, 16)
    student = Student(Vgg(4, [[4], [4]]), [4, 4], analyse(teacher.layers, lambda: iter([(x,)])).bases)
    student.loss((x,), teacher.layers(x)[1], 1).backward()
    mine = {id(parameter) for parameter in student.block(1)}
    assert mine == {id(one) for module in (student.net.stages[1], student.readouts[1]) for one in module.parameters()}


def test_every_parameter_of_a_unet_is_in_one_block():
    net = Iidm(IidmConfig(condition=((4,),) * 5, widths=(8, 8, 8, 16, 16), embedding=16, steps=2)).unet
    owned = [id(one) for block in net.blocks() for module in block for one in module.parameters()]
    rest = {id(one) for one in net.leave.parameters()}
    assert len(owned) == len(set(owned)) and set(owned) | rest == {id(one) for one in net.parameters()}
    seen = torch.randn(1, 5, 16, 16), torch.randn(1, 16), [torch.randn(1, 4, 16 >> at, 16 >> at) for at in range(5)]
    assert len(net.layers(*seen)) == len(net.blocks()) == 9
    assert torch.equal(net.leave(net.layers(*seen)[-1]), net(*seen))


def test_a_source_learns_bands_that_it_does_not_see():
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(6, 16, 16, 4))
    patches = np.zeros((6, 16, 16, 6))
    patches[..., [1, 2, 3, 5]], patches[..., 0], patches[..., 4] = seen, seen[..., 0], -2 * seen[..., 2]
    tiles = Tiles(patches, 4, 0, seen=(1, 2, 3, 5))
    x, others = tiles.at(3)
    assert x.shape == (4, 4, 16, 16) and others.shape == (4, 2, 16, 16) and tiles.others == 2
    assert torch.allclose(others[:, 0], x[:, 0], atol=1e-5) and torch.allclose(others[:, 1], -x[:, 2], atol=1e-5)
    torch.manual_seed(0)
    source = Source(Vgg(4, [[16], [16]]), tiles.others)
    optimizer, losses = torch.optim.Adam(source.parameters(), 1e-2), []
    for step in range(60):
        loss, _ = source.loss(*tiles.at(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
