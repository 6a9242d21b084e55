"""A few steps of training, for tests that look at what they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch


def descend(parameters: Iterable, steps: int, loss_of: Callable, rate: float = 3e-3) -> list[float]:
    """Adam on what `loss_of()` gives, a loss and figures; returns the losses."""
    optimizer = torch.optim.Adam(parameters, rate)
    losses = []
    for _ in range(steps):
        loss, _ = loss_of()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
