"""One run of a training script: the settings that all scripts share, and the run folder.

    RunSettings.prepare --> the trainer builds networks and batches --> Run.train --> average.pt

The run folder contains

    checkpoint.pt    everything that is needed to continue, and the sittings so far; every ten minutes
    average16.pt     the moving average in float16, for --start elsewhere; every two minutes
    average.pt       the moving average at the end, for --start and for tools/export_*.py
    log.txt
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn as nn

from rscodec.training import checkpoint
from rscodec.training.log import run_log
from rscodec.training.loop import Plan, Record, train


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run: its pictures, its folder and its start; its length, its speed and its device."""

    shard: Path
    run: Path
    start: Path | None
    steps: int
    decay: int
    rate: float
    batch: int
    average: float
    device: str
    threads: int | None
    minutes: float | None
    seed: int

    def prepare(self) -> None:
        """Set threads and seed, before any random number is drawn."""
        if self.threads:
            torch.set_num_threads(self.threads)
        torch.manual_seed(self.seed)

    def generator(self, step: int) -> torch.Generator:
        """Return the random generator of a step. It depends only on the seed and the step."""
        return torch.Generator().manual_seed(1_000_003 * self.seed + step)

    def plan(self, together: int = 1) -> Plan:
        return Plan(self.steps, self.decay, self.rate, average=self.average, minutes=self.minutes, together=together)


class Run:
    """A run that begins or continues. `begun` has the settings that must not change (checkpoint.check_same), including
    `config`. `history` lists the sittings that made the weights at its start. `show` also gets each line of the log.
    """

    def __init__(self, settings: RunSettings, begun: dict, history: list[dict], show: Callable[[str], None]):
        self.settings, self._begun, self._history = settings, begun, history
        self._checkpoint = settings.run / "checkpoint.pt"
        checkpoint.check_same(self._checkpoint, begun)
        self.log = run_log(settings.run, show)

    def train(
        self,
        module: nn.Module,
        groups: list[tuple[float, list[nn.Parameter]]],
        batches: Callable[[int, int], Iterator],
        loss_of: Callable,
        about: dict,
        together: int = 1,
    ) -> None:
        """Train (loop.train), write the average, and load it into `module`. `about` describes this sitting in the
        history. A run that is resumed with other settings adds an entry to the history.
        """
        settings, plan = self.settings, self.settings.plan(together)
        sitting = about | {"shard": settings.shard.name, "batch": settings.batch, "seed": settings.seed} | vars(plan)
        self.log(json.dumps(sitting))

        def save(name: str, average: checkpoint.Average, state: dict[str, torch.Tensor]) -> None:
            history = [*self._history, *average.sittings]
            checkpoint.save(settings.run / name, module=state, history=history, config=self._begun["config"])

        def share(average: checkpoint.Average) -> None:
            save("average16.pt", average, checkpoint.halved(average.state))

        record = Record(self._checkpoint, self.log, self._begun, share, sitting)
        average = train(module, groups, batches, loss_of, plan, record)
        share(average)
        save("average.pt", average, average.state)
        module.load_state_dict(average.state)
