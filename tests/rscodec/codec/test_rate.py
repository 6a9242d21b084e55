"""Quality: what the wire can say, and how tables are mixed."""

from __future__ import annotations

import pytest
import torch

from rscodec.codec import rate


def test_every_wire_quality_comes_back():
    for steps in range(rate.to_wire(rate.QUALITY_MIN), rate.to_wire(rate.QUALITY_MAX) + 1):
        assert rate.to_wire(rate.from_wire(steps)) == steps


@pytest.mark.parametrize("quality", [0.99, 8.01, -1, float("nan"), float("inf")])
def test_no_other_quality_exists(quality: float):
    with pytest.raises(ValueError, match="outside 1..8"):
        rate.to_wire(quality)


def test_quality_weighs_error_more_and_more():
    weights = rate.weight(torch.linspace(1, 8, 30))
    assert (weights.diff() > 0).all()
    assert weights[0] == pytest.approx(5e-4) and weights[-1] == pytest.approx(0.4)


def test_whole_qualities_are_rows_and_others_lie_between():
    table = torch.arange(8.0).square().unsqueeze(1) * torch.tensor([1.0, -3.0])
    assert torch.equal(rate.mix(table, torch.arange(1.0, 9)), table)
    assert torch.allclose(rate.mix(table, torch.tensor([2.25])), table[1:2] * 0.75 + table[2:3] * 0.25)


def test_the_exact_mix_is_the_rounded_one_at_every_wire_quality():
    table = torch.randint(-2000, 2000, (rate.LEVELS, 16), generator=torch.manual_seed(0)).float()
    for steps in range(32, 257):
        exact = rate.mix_exact(table, steps)
        assert torch.equal(exact, exact.round())
        mixed = rate.mix(table.double(), torch.tensor([rate.from_wire(steps)], dtype=torch.float64))[0]
        assert torch.equal(exact.double(), mixed.round())
