"""Trains a model of forest carbon on imagery and a map of carbon density.

An optional region limits the pixels used for training.

A run folder holds checkpoint.pt (everything needed to resume), average.pt (weights and their description), log.txt, and
at the end weights.safetensors, which `predict` uses.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from rscodec.bitstreams.errors import InputError
from rscodec.carbon.base import STRIDE, CarbonModel
from rscodec.carbon.crops import Crops, estimate_map, north_of, refuse_alpha
from rscodec.carbon.kinds import TRAINED, AnyConfig, build
from rscodec.carbon.mapper import write_weights
from rscodec.carbon.prepare import DENSITY
from rscodec.carbon.scores import Scores, score
from rscodec.carbon.simulation.county import TEST, TRAIN
from rscodec.networks.precision import fast
from rscodec.raster.fill import fill_invalid
from rscodec.raster.provenance import refuse_synthetic
from rscodec.raster.scene import Scene
from rscodec.training import checkpoint
from rscodec.training.log import run_log
from rscodec.training.loop import Plan, Record, train


@dataclass(frozen=True)
class CarbonPlan:
    """`decay`: the share of steps at the end over which the learning rate falls. `validate`: keep the northern eighth
    of each image back, and evaluate on it.
    """

    steps: int = 3000
    decay: float = 0.5
    rate: float = 1e-3
    batch: int = 8
    crop: int = 64
    average: float = 0.99
    seed: int = 0
    validate: bool = False
    minutes: float | None = None


@dataclass(frozen=True)
class Ground:
    """`imagery` (C,h,w) with holes filled; `density` (h,w) in Mg/ha, NaN where unknown; `region` (h,w) as in county.py;
    the north of each image (h,w); `origin`: a description of the data.
    """

    imagery: np.ndarray
    density: np.ndarray
    region: np.ndarray
    north: np.ndarray
    origin: str

    @classmethod
    def load(cls, image: Path, target: Path, region: Path | None) -> Ground:
        scene, density = Scene.load(image), Scene.load(target / DENSITY).pixels[0]
        refuse_synthetic(scene.metadata, image)
        refuse_alpha(scene.metadata, image)
        where = np.full(density.shape, TRAIN) if region is None else Scene.load(region).pixels[0]
        for name, found in ((target / DENSITY, density), (region, where)):
            if found.shape != scene.pixels.shape[1:]:
                raise InputError(
                    f"{name} does not have the pixels of {image}: make it with `rscodec carbon prepare {image}`"
                )
        tags = scene.metadata.get("tags", {}).get("", {})
        known = np.where(scene.mask.all(0), density, np.nan)
        return cls(
            fill_invalid(scene.pixels, ~scene.mask), known, where, north_of(where), tags.get("origin", image.name)
        )

    def beside(self, other: Ground) -> Ground:
        """Both grounds side by side, with a column between them that no crop may contain."""
        if len(self.imagery) != len(other.imagery):
            raise InputError(
                f"imagery of {len(self.imagery)} bands and of {len(other.imagery)} cannot be trained on together"
            )
        rows = max(self.density.shape[0], other.density.shape[0])

        def joined(left: np.ndarray, right: np.ndarray, void: float) -> np.ndarray:
            parts = left, np.full((*left.shape[:-2], rows, 1), void, left.dtype), right
            sides = [((0, 0),) * (part.ndim - 2) + ((0, rows - part.shape[-2]), (0, 0)) for part in parts]
            return np.concatenate(
                [np.pad(part, side, constant_values=void) for part, side in zip(parts, sides, strict=True)], -1
            )

        origin = self.origin if self.origin == other.origin else f"{self.origin}; {other.origin}"
        return Ground(
            joined(self.imagery, other.imagery, 0),
            joined(self.density, other.density, np.nan),
            joined(self.region, other.region, TEST),
            joined(self.north, other.north, False),
            origin,
        )


def begun_model(saved: dict) -> CarbonModel:
    """A model of this configuration with the saved weights. Missing weights keep their initial values."""
    model = build(AnyConfig.from_dict(saved["config"]))
    model.load_state_dict(model.state_dict() | saved["module"])
    return model


def learn(
    model: CarbonModel, crops: Crops, plan: CarbonPlan, path: Path, log: Callable[[str], None], begun: dict
) -> checkpoint.Average:
    """Train, or resume from the checkpoint at `path` if it exists. Returns the averaged model."""

    def loss_of(parts, step: int):
        with fast("cpu"):
            return model.loss(*parts, torch.Generator().manual_seed(1_000_003 * plan.seed + step))

    steps = Plan(plan.steps, round(plan.decay * plan.steps), plan.rate, average=plan.average, minutes=plan.minutes)
    groups = [(1.0, list(model.parameters()))]
    return train(model, groups, crops.stream, loss_of, steps, Record(path, log, begun))


def train_model(
    name: str, ground: Ground, run: Path, plan: CarbonPlan, log: Callable[[str], None], start: Path | None = None
) -> Scores | None:
    """Train a row of TRAINED, or resume. Returns the scores of the part that was kept back, if any. `start`: a file
    with a configuration and some of its weights to start from: average.pt of another run, or the result of
    distillation.
    """
    if plan.crop % STRIDE:
        raise InputError(f"`crop={plan.crop}`: give a multiple of {STRIDE}")
    torch.manual_seed(plan.seed)
    bands = len(ground.imagery)
    begun = checkpoint.load(start) if start else {"config": asdict(replace(TRAINED[name], bands=bands)), "module": {}}
    kind, wanted = begun["config"]["kind"], TRAINED[name].kind
    if kind != wanted:
        raise InputError(f"{start} has weights of {kind}, not of {wanted}: give another `start`, or train {kind}")
    model = begun_model(begun)
    if bands != model.config.bands:
        raise InputError(f"{start} takes {model.config.bands} bands, and the imagery has {bands}: give another `start`")
    kept_back = ground.north if plan.validate else None
    crops = Crops(ground.imagery, ground.density, ground.region, plan.batch, plan.crop, plan.seed, kept_back)

    about = {
        "model": name,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "trained_on": ground.origin,
        "config": asdict(model.config),
        "units": asdict(crops.units),
        "plan": asdict(plan),
        "start": start.parent.name if start else None,
    }
    begun = {
        "`model`": name,
        "`start`": about["config"],
        "ground": [about["units"], ground.origin],
        "`validate`": plan.validate,
    }
    checkpoint.check_same(run / "checkpoint.pt", begun)
    say = run_log(run, log)
    say(json.dumps(about))
    averaged = learn(model, crops, plan, run / "checkpoint.pt", say, begun)
    seconds = round(averaged.seconds)
    checkpoint.save(run / "average.pt", module=averaged.state, config=about["config"], about=about, seconds=seconds)
    model.load_state_dict(averaged.state)
    write_weights(run / "weights.safetensors", name, model, crops.units, plan.crop, ground.origin)
    if not plan.validate:
        return None
    rows = kept_back.any(1)
    known = np.isfinite(ground.density[rows]) & kept_back[rows]
    drawn = estimate_map(model.eval(), crops.units, ground.imagery[:, rows], known, plan.crop, 0)
    found = score(np.nan_to_num(ground.density[rows]), drawn, known & (ground.region[rows] == TRAIN), crops.units.scale)
    say(json.dumps(asdict(found)))
    return found
