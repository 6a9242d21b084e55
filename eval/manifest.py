"""The manifest beside weights that ship: what they are, how they were made, and measured figures."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from pathlib import Path

from eval import datasets
from eval.datasets import HELD_OUT
from eval.sr import BICUBIC, sr


def write_manifest(path: Path, saved: dict, tool: str, figures: dict, figures_command: str, **facts) -> dict:
    """Of a weights file of a generative model; `saved` is the checkpoint that it is of, `tool` what trained it."""
    manifest = {
        "model": path.stem,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "licence": "MIT, as the project",
        "date": time.strftime("%Y-%m-%d"),
        "config": saved["config"],
        **facts,
        "command": f"tools/pack_data.py, then {tool} once for each entry of history",
        "history": saved["history"],
        "figures": figures,
        "figures_command": figures_command,
    }
    path.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def held_out() -> list[datasets.Image]:
    """The images that figures of manifests are of."""
    data = Path(os.environ["RSCODEC_DATA"])
    return datasets.images([str(image) for pattern in HELD_OUT for image in sorted(data.glob(pattern))])


def against_bicubic(path: Path, scales: tuple[float, ...], degradation: str = BICUBIC) -> dict:
    """Of an upsampler on the held-out images: {set: {"bicubic" or "ours": [a point for each scale]}}"""
    with tempfile.TemporaryDirectory() as folder:
        found = sr(held_out(), scales, (BICUBIC, str(path)), Path(folder), degradation=degradation)["sets"]
    return {name: {"bicubic": models[BICUBIC], "ours": models[str(path)]} for name, models in found.items()}
