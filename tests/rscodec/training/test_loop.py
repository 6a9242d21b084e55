"""The training loop: its schedule, its resume, its average, and that the codec learns at all."""

from __future__ import annotations

import os
import signal

import pytest
import torch

from rscodec.codec import rate
from rscodec.codec.config import CodecConfig
from rscodec.networks.model import Codec
from rscodec.training import checkpoint
from rscodec.training.data import Crops, load_shard
from rscodec.training.loop import WARM_UP, Plan, Record, learning_rate, train

TINY = CodecConfig(width=8, encoder_blocks=1, decoder_blocks=1, tail=8, groups=(4, 8), features=8, hyper=4, narrow=4)


def run(shard, path, steps, interrupt_at=None, by=signal.SIGTERM):
    torch.manual_seed(0)
    crops = Crops(load_shard(shard)[0], batch=2, size=32, seed=3)
    codec = Codec(TINY)

    def loss_of(batch, step):
        if step == interrupt_at:
            os.kill(os.getpid(), by)
        quality = torch.tensor([2.0, 6.5])
        x = batch.shown()
        coded = codec(x, quality)
        mse = (255 * (coded.pixels - x)).square().flatten(1).mean(1)
        loss = ((coded.bits / 1024 + rate.weight(quality) * mse) / rate.weight(quality).sqrt()).mean()
        return loss, {"mse": mse.mean()}

    lines = []
    plan = Plan(steps, decay=4, rate=3e-3, log_every=5)
    groups = [(1.0, list(codec.parameters()))]
    average = train(codec, groups, crops.stream, loss_of, plan, Record(path, lines.append, {"config": {}}))
    return codec, average, lines


def test_an_interrupted_run_ends_as_one_that_was_not(shard, tmp_path):
    whole, whole_average, _ = run(shard, tmp_path / "whole.pt", 12)
    run(shard, tmp_path / "parts.pt", 12, interrupt_at=5)
    assert checkpoint.load(tmp_path / "parts.pt")["step"] == 6
    parts, parts_average, lines = run(shard, tmp_path / "parts.pt", 12)
    assert "resumed at step 6" in lines[0]
    for key, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[key]), key
    for key, value in whole_average.state.items():
        assert torch.equal(value, parts_average.state[key]), key


def test_ctrl_c_loses_no_step(shard, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(shard, tmp_path / "run.pt", 12, interrupt_at=5, by=signal.SIGINT)
    assert checkpoint.load(tmp_path / "run.pt")["step"] == 6 and signal.getsignal(signal.SIGINT) is before


def test_training_lowers_the_loss(shard, tmp_path):
    _, _, lines = run(shard, tmp_path / "run.pt", 60)
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines]
    assert losses[-1] < 0.8 * losses[0]


def test_the_rate_warms_up_stays_and_falls():
    plan = Plan(steps=2000, decay=500, rate=1e-3)
    assert learning_rate(0, plan) == pytest.approx(1e-3 / WARM_UP)
    assert learning_rate(WARM_UP, plan) == learning_rate(1499, plan) == 1e-3
    assert learning_rate(1750, plan) == pytest.approx(0.5e-3, rel=0.02)
    assert learning_rate(2000, plan) == pytest.approx(1e-5)


def test_a_group_gets_its_share_of_the_rate(tmp_path):
    full, tenth = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    module = torch.nn.ModuleList([full, tenth])
    for layer in module:
        torch.nn.init.zeros_(layer.weight)  # where small steps are not rounded away
    train(
        module,
        [(1.0, list(full.parameters())), (0.1, list(tenth.parameters()))],
        lambda first, last: iter([torch.ones(1, 1)] * (last - first)),
        lambda batch, step: (sum(layer(batch).sum() for layer in module), {}),
        Plan(3, 0),
        Record(tmp_path / "shares.pt", lambda line: None, {}),
    )
    moved = [abs(layer.weight.item()) for layer in module]
    assert moved[0] > 0 and moved[1] == pytest.approx(moved[0] / 10, rel=1e-3)


def test_a_step_that_is_not_finite_changes_nothing(tmp_path):
    module = torch.nn.Linear(1, 1)
    before = {key: value.clone() for key, value in module.state_dict().items()}

    def batches(first, last):
        return iter([torch.ones(1, 1)] * (last - first))

    groups = [(1.0, list(module.parameters()))]
    train(
        module,
        groups,
        batches,
        lambda batch, step: (module(batch).sum() * float("nan"), {}),
        Plan(3, 0),
        Record(tmp_path / "nan.pt", lambda line: None, {}),
    )
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_batches_together_are_one_large_batch(tmp_path):
    data = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    seen = []

    def weights(batches: list[torch.Tensor], together: int) -> torch.Tensor:
        module = torch.nn.Linear(4, 1)
        torch.nn.init.ones_(module.weight)

        def loss_of(batch, number):
            seen.append(number)
            return module(batch).square().mean(), {}

        record = Record(tmp_path / f"{together}.pt", lambda line: None, {})
        train(
            module,
            [(1.0, list(module.parameters()))],
            lambda first, last: iter(batches[first:last]),
            loss_of,
            Plan(3, 0, rate=0.1, together=together),
            record,
        )
        return module.weight.detach()

    torch.manual_seed(0)
    halves = weights(list(data.split(2)), together=2)
    assert sorted(seen) == [0, 1, 2, 3, 4, 5]
    torch.manual_seed(0)
    assert torch.allclose(halves, weights(list(data.split(4)), together=1), atol=1e-6)
    assert not torch.allclose(halves, torch.ones(1, 4), atol=1e-4)


@pytest.mark.parametrize("together", [1, 2])
def test_a_figure_is_a_mean_over_the_batches_that_have_it(tmp_path, together):
    module, lines = torch.nn.Linear(1, 1), []

    def loss_of(batch, number):
        return module(batch).sum(), {"odd": torch.tensor(float(number))} if number % 2 else {}

    train(
        module,
        [(1.0, list(module.parameters()))],
        lambda first, last: iter([torch.ones(1, 1)] * (last - first)),
        loss_of,
        Plan(8 // together, 0, log_every=4 // together, together=together),
        Record(tmp_path / "run.pt", lines.append, {}),
    )
    assert [float(line.split("odd ")[1].split()[0]) for line in lines] == [2, 6]


@pytest.mark.parametrize("together", [1, 2])
def test_what_is_frozen_or_unused_stays(tmp_path, together):
    layers = torch.nn.ModuleDict({name: torch.nn.Linear(2, 1, bias=False) for name in ("learns", "frozen", "unused")})
    layers["frozen"].requires_grad_(False)
    before = {name: layer.weight.detach().clone() for name, layer in layers.items()}
    train(
        layers,
        [(1.0, list(layers.parameters()))],
        lambda first, last: iter([torch.ones(1, 2)] * (last - first)),
        lambda batch, step: (layers["frozen"](layers["learns"](batch).expand(1, 2)).sum(), {}),
        Plan(2, 0, together=together),
        Record(tmp_path / "run.pt", lambda line: None, {}),
    )
    moved = {name for name, layer in layers.items() if not torch.equal(layer.weight, before[name])}
    assert moved == {"learns"}
