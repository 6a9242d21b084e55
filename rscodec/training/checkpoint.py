"""Checkpoints, from which a run continues exactly, and a moving average of the weights, which can ship."""

from __future__ import annotations

import os
from pathlib import Path

import torch
import torch.nn as nn

from rscodec.bitstreams.errors import InputError


class Average:
    """An exponential moving average of a module's parameters and buffers. The decay warms up with the number of steps.

    `seconds` is the duration of the run that made it, and `sittings` is its history (`sittings_after`).
    """

    def __init__(self, module: nn.Module, decay: float):
        self.decay, self.steps, self.seconds = decay, 0, 0.0
        self.sittings: list[dict] = []
        self.state = {key: value.detach().clone() for key, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for key, value in module.state_dict().items():
            if value.is_floating_point():
                self.state[key].lerp_(value, 1 - decay)


def save(path: Path, **parts) -> None:
    """Write a checkpoint through a temporary file. If the run is killed meanwhile, the previous checkpoint remains."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    torch.save(parts, temporary)
    os.replace(temporary, path)


def halved(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the state in float16: half the bytes, and precise enough to start from."""
    return {key: value.half() if value.is_floating_point() else value for key, value in state.items()}


def load(path: Path) -> dict:
    """Read what `save` wrote."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if "module" not in saved:
        raise InputError(f"{path} is no checkpoint or average of a training run, such as average.pt")
    return saved


def check_same(path: Path, begun: dict) -> None:
    """Check that a run continues with the settings that it began with. `begun` has the settings that must not change,
    under the names that users know; `train` stores it in the checkpoint.
    """
    before = load(path) if path.exists() else {}
    for word, value in begun.items():
        if before.get(word, value) != value:
            raise InputError(f"{path.parent} was begun with another {word}: continue with it, or give a new `run`")


def sittings_after(earlier: list[dict], settings: dict, steps: int, seconds: float) -> list[dict]:
    """Return the sittings of a run that has taken so many steps and seconds: the `earlier` ones, and the present one
    with `settings`. Each has its own steps and seconds. Successive sittings with the same settings count as one.
    """
    if earlier and _settings(earlier[-1]) == _settings(settings):
        earlier = earlier[:-1]
    spent = {"steps_taken": steps, "seconds": round(seconds)}
    own = {key: value - sum(sitting[key] for sitting in earlier) for key, value in spent.items()}
    return [*earlier, settings | own]


def _settings(sitting: dict) -> dict:
    return {key: value for key, value in sitting.items() if key not in ("minutes", "steps_taken", "seconds")}


def sittings_of(saved: dict, begun: dict) -> list[dict]:
    """Return the sittings in a checkpoint. An older checkpoint has none: it counts as one with the settings that it
    contains.
    """
    known = {word.removeprefix("--"): saved[word] for word in begun if word in saved and word != "config"}
    return saved.get("sittings") or sittings_after([], known, saved["average_steps"], saved.get("seconds", 0.0))


def part(state: dict, prefix: str) -> dict:
    """Return the state of one of several modules that were trained together."""
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
