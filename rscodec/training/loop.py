"""The one training loop: mixed precision, clipped gradients, skipped non-finite steps, average, exact resume.

    warm-up 500 steps, flat, then a cosine to 1 % over the last `decay` steps
    batch --gradient-->+
    batch --gradient-->+--> mean --> step            `together` batches, each on a thread of its own

Batches depend only on seed and step, and the checkpoint contains the random state. So on a CPU, an interrupted run
gives the same result as an uninterrupted one. A run consists of sittings: each is one call of `train`. SIGTERM ends a
sitting after the checkpoint is written. Ctrl-C does the same and then raises KeyboardInterrupt; a second Ctrl-C does
not wait.
"""

from __future__ import annotations

import itertools
import math
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn as nn

from rscodec.training import checkpoint

WARM_UP = 500


@dataclass
class Plan:
    """How a run goes. `decay` is the number of last steps over which the rate falls. `minutes` ends a sitting early.
    `together` is the number of batches of a step, each on its own thread. `share_seconds` is the time between two calls
    of `Record.share`.
    """

    steps: int
    decay: int
    rate: float = 1e-3
    clip: float = 1.0
    average: float = 0.999
    save_seconds: float = 600.0
    log_every: int = 50
    minutes: float | None = None
    together: int = 1
    share_seconds: float = 120.0


def learning_rate(step: int, plan: Plan) -> float:
    left = (plan.steps - step) / max(plan.decay, 1)
    fall = 1.0 if left >= 1 else 0.01 + 0.99 * 0.5 * (1 - math.cos(math.pi * left))
    return plan.rate * min(1.0, (step + 1) / WARM_UP) * fall


@dataclass(frozen=True)
class Record:
    """What a run leaves behind: its checkpoint at `path`, which also contains `begun` (checkpoint.check_same), lines in
    `log`, and, every `plan.share_seconds`, the result of `share(average)`. `sitting` has the settings of this sitting
    (checkpoint.sittings_after).
    """

    path: Path
    log: Callable[[str], None]
    begun: dict
    share: Callable[[checkpoint.Average], None] = lambda average: None
    sitting: dict = field(default_factory=dict)


class _State:
    """The state that continues from sitting to sitting: weights, optimizer, average, numbers of steps and seconds."""

    def __init__(self, module: nn.Module, groups: list[tuple[float, list[nn.Parameter]]], plan: Plan, record: Record):
        self.module, self.plan, self.record, self.step = module, plan, record, 0
        self.optimizer = torch.optim.Adam([{"params": parameters, "share": share} for share, parameters in groups])
        self.parameters = [parameter for _, some in groups for parameter in some]
        self.average = checkpoint.Average(module, plan.average)
        self.started, self._seconds_before = time.monotonic(), 0.0
        self._earlier: list[dict] = []

    def resume(self) -> None:
        saved = checkpoint.load(self.record.path)
        self.module.load_state_dict(saved["module"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.average.state, self.average.steps, self.step = saved["average"], saved["average_steps"], saved["step"]
        self.started, self._seconds_before = time.monotonic(), saved.get("seconds", 0.0)
        self._earlier = checkpoint.sittings_of(saved, self.record.begun)
        if "random" in saved:
            torch.set_rng_state(saved["random"])

    def save(self) -> None:
        average = self.timed_average()
        checkpoint.save(
            self.record.path,
            module=self.module.state_dict(),
            optimizer=self.optimizer.state_dict(),
            average=average.state,
            average_steps=average.steps,
            step=self.step,
            seconds=average.seconds,
            sittings=average.sittings,
            random=torch.get_rng_state(),
            **self.record.begun,
        )

    def advance(self, gradients: list[torch.Tensor | None]) -> torch.Tensor:
        """Take a step, unless gradients are not finite. Return their norm before clipping."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["share"] * learning_rate(self.step, self.plan)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        norm = nn.utils.clip_grad_norm_(self.parameters, self.plan.clip)
        if torch.isfinite(norm):
            self.optimizer.step()
            self.average.update(self.module)
        self.step += 1
        return norm

    def timed_average(self) -> checkpoint.Average:
        average, sitting = self.average, self.record.sitting
        average.seconds = self._seconds_before + time.monotonic() - self.started
        average.sittings = checkpoint.sittings_after(self._earlier, sitting, average.steps, average.seconds)
        return average


def train(
    module: nn.Module,
    groups: list[tuple[float, list[nn.Parameter]]],
    batches: Callable[[int, int], Iterator],
    loss_of: Callable[[object, int], tuple[torch.Tensor, dict[str, torch.Tensor]]],
    plan: Plan,
    record: Record,
) -> checkpoint.Average:
    """Train to plan.steps, and continue from `record.path` if it exists. Return the average.

    `groups` are parameters, each with its share of the learning rate. `batches(first, last)` yields the batches of
    these numbers. `loss_of(batch, number)` returns the loss and figures to log.
    """
    state = _State(module, groups, plan, record)
    if record.path.exists():
        state.resume()
        record.log(f"resumed at step {state.step} from {record.path}")
    seen, skipped = defaultdict(list), 0
    saved_at = shared_at = state.started
    with _asked_to_stop() as asked:
        for figures, found in gradients(loss_of, state.parameters, batches, state.step, plan):
            norm = state.advance(found)
            skipped += not torch.isfinite(norm)
            for key, value in {"norm": norm, **figures}.items():
                seen[key].append(value)
            now = time.monotonic()
            if state.step % plan.log_every == 0:
                means = " ".join(f"{key} {float(_mean(values)):.4f}" for key, values in seen.items())
                rate = learning_rate(state.step - 1, plan)
                record.log(f"step {state.step} {now - state.started:.0f}s {means} lr {rate:.1e} skipped {skipped}")
                seen.clear()
            if now - saved_at > plan.save_seconds:
                state.save()
                saved_at = now
            if now - shared_at > plan.share_seconds:
                record.share(state.timed_average())
                shared_at = now
            if asked or (plan.minutes and now - state.started > 60 * plan.minutes):
                break
    state.save()
    if signal.SIGINT in asked:
        raise KeyboardInterrupt
    return state.timed_average()


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """Yield the list of signals received inside. A second signal of the same kind has its normal effect."""
    asked = []

    def stop(number: int, _) -> None:
        asked.append(number)
        signal.signal(number, before[number])

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def gradients(
    loss_of: Callable, parameters: list[nn.Parameter], batches: Callable[[int, int], Iterator], first: int, plan: Plan
) -> Iterator[tuple[dict[str, torch.Tensor], list[torch.Tensor | None]]]:
    """Yield figures and gradients of each step from `first` on. They are means over the step's batches, at the current
    weights; a figure, over those batches that have it. Frozen or unused parameters have no gradient.
    """
    learning = [parameter for parameter in parameters if parameter.requires_grad]

    def one(task: tuple[int, object]) -> tuple[dict[str, torch.Tensor], list[torch.Tensor | None]]:
        number, batch = task
        loss, figures = loss_of(batch, number)
        found = iter(torch.autograd.grad(loss, learning, allow_unused=True))
        gradient = [next(found) if parameter.requires_grad else None for parameter in parameters]
        return {key: value.detach() for key, value in {"loss": loss, **figures}.items()}, gradient

    numbers = range(plan.together * first, plan.together * plan.steps)
    tasks = zip(numbers, batches(numbers.start, numbers.stop), strict=True)
    with ThreadPoolExecutor(plan.together, "batch", torch.set_num_threads, (torch.get_num_threads(),)) as pool:
        side_by_side = pool.map if plan.together > 1 else map
        while some := list(itertools.islice(tasks, plan.together)):
            figures, found = zip(*side_by_side(one, some), strict=True)
            keys = dict.fromkeys(key for each in figures for key in each)
            means = {key: _mean([each[key] for each in figures if key in each]) for key in keys}
            yield means, [_mean(of_one) for of_one in zip(*found, strict=True)]


def _mean(values: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    given = [value for value in values if value is not None]
    return sum(given[1:], given[0]) / len(values) if given else None
