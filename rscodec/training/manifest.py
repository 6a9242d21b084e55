"""Weights that ship, and their manifest, which says what they are, how they were made, and what was measured."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from rscodec.bitstreams.errors import OutputError


@dataclass(frozen=True)
class Export:
    """Exports the average of the run in the folder `run` as the weights `model` in the folder `out`."""

    run: Path
    model: str
    out: Path
    overwrite: bool

    @property
    def average(self) -> Path:
        return self.run / "average.pt"

    def new_weights(self) -> Path:
        return new_weights(self.out, self.model, self.overwrite)

    def write_manifest(self, weights: Path, made: dict, figures, script: str, options: str = "") -> dict:
        """Write the manifest of finished weights. `options`: those of the script, besides --run and --model."""
        command = " ".join(f"{script} --run {self.run.name} --model {self.model} {options}".split())
        return write_manifest(weights, self.model, made, figures, command)


def new_weights(folder: Path, model: str, overwrite: bool) -> Path:
    """Return where to write the weights. Existing weights are kept unless `overwrite`, since streams and tags name them
    by their hash. If they are replaced, their manifest is removed first, because it would not describe the new ones.
    """
    path = folder / f"{model}.safetensors"
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; give the new weights a new name, or set `overwrite=True`")
    folder.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").unlink(missing_ok=True)
    return path


def sittings(saved: dict, script: str, **more) -> dict:
    """Describe how weights were made. `saved` is their checkpoint, and `script` trained them on packed shards. `more`
    has entries that only some manifests have.
    """
    command = f"tools/pack_data.py, then {script} once for each entry of history"
    return {"config": saved["config"], **more, "command": command, "history": saved["history"]}


def write_manifest(weights: Path, model: str, made: dict, figures, figures_command: str) -> dict:
    """Write the manifest of the weights. `made` says how they were made."""
    data = weights.read_bytes()
    manifest = {
        "model": model,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "licence": "MIT, as the project",
        "date": time.strftime("%Y-%m-%d"),
        **made,
        "figures": figures,
        "figures_command": figures_command,
    }
    weights.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest
