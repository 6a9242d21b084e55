"""The one training loop: mixed precision, clipped gradients, skipped non-finite steps, average, exact resume.

    warm-up 300 steps, flat, then a cosine to 1 % over the last `decay` steps

Batches are a function of seed and step, and the random state is kept: on a CPU a run that was interrupted ends as one
that was not. SIGTERM ends a sitting politely: the checkpoint is written first.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn as nn

from rscodec.training import checkpoint

WARM_UP = 300


@dataclass
class Plan:
    """How a run goes: `decay` is the number of last steps over which the rate falls, `minutes` ends a sitting early."""

    steps: int
    decay: int
    rate: float = 1e-3
    clip: float = 1.0
    average: float = 0.999
    save_seconds: float = 600.0
    log_every: int = 50
    minutes: float | None = None


def learning_rate(step: int, plan: Plan) -> float:
    left = (plan.steps - step) / max(plan.decay, 1)
    fall = 1.0 if left >= 1 else 0.01 + 0.99 * 0.5 * (1 - math.cos(math.pi * left))
    return plan.rate * min(1.0, (step + 1) / WARM_UP) * fall


def train(
    module: nn.Module,
    groups: list[tuple[float, list[nn.Parameter]]],
    batches: Callable[[int, int], Iterator],
    loss_of: Callable[[object, int], tuple[torch.Tensor, dict[str, torch.Tensor]]],
    plan: Plan,
    path: Path,
    log: Callable[[str], None],
    begun: dict,
) -> checkpoint.Average:
    """Train to plan.steps, going on from `path` where that exists; returns the average.

    `groups` are parameters with the share of the learning rate that they get, `loss_of(batch, step)` gives the loss and
    figures to log, `begun` says what the run is (checkpoint.check_same) and is kept in the checkpoint.
    """
    optimizer = torch.optim.Adam([{"params": parameters, "share": share} for share, parameters in groups])
    parameters = [parameter for _, some in groups for parameter in some]
    average = checkpoint.Average(module, plan.average)
    first, seconds = 0, 0.0
    if path.exists():
        saved = checkpoint.load(path)
        module.load_state_dict(saved["module"])
        optimizer.load_state_dict(saved["optimizer"])
        average.state, average.steps, first = saved["average"], saved["average_steps"], saved["step"]
        seconds = saved.get("seconds", 0.0)
        if "random" in saved:
            torch.set_rng_state(saved["random"])
        log(f"resumed at step {first} from {path}")

    def keep(step: int) -> None:
        checkpoint.save(
            path,
            module=module.state_dict(),
            optimizer=optimizer.state_dict(),
            average=average.state,
            average_steps=average.steps,
            step=step,
            seconds=seconds + time.monotonic() - started,
            random=torch.get_rng_state(),
            **begun,
        )

    asked_to_stop = []
    before = signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    step, skipped, sums, counted = first - 1, 0, {}, 0
    started = saved_at = time.monotonic()
    for step, batch in enumerate(batches(first, plan.steps), first):
        for group in optimizer.param_groups:
            group["lr"] = group["share"] * learning_rate(step, plan)
        loss, figures = loss_of(batch, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, plan.clip)
        if torch.isfinite(norm):
            optimizer.step()
            average.update(module)
        else:
            skipped += 1
        for key, value in {"loss": loss, "norm": norm, **figures}.items():
            sums[key] = sums.get(key, 0.0) + value.detach()
        counted += 1
        if (step + 1) % plan.log_every == 0:
            now = time.monotonic()
            means = " ".join(f"{key} {float(value) / counted:.4f}" for key, value in sums.items())
            log(f"step {step + 1} {now - started:.0f}s {means} lr {learning_rate(step, plan):.1e} skipped {skipped}")
            sums, counted = {}, 0
        if time.monotonic() - saved_at > plan.save_seconds:
            keep(step + 1)
            saved_at = time.monotonic()
        if asked_to_stop or (plan.minutes and time.monotonic() - started > 60 * plan.minutes):
            break
    signal.signal(signal.SIGTERM, before)
    keep(step + 1)
    average.seconds = seconds + time.monotonic() - started
    return average
