"""The manifest beside weights that ship: what they are, how they were made, and what was measured of them."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path


def sittings(saved: dict, script: str, **more) -> dict:
    """How weights were made whose checkpoint is `saved` by a script that shards are packed for; `more`: what only some
    manifests say."""
    command = f"tools/pack_data.py, then {script} once for each entry of history"
    return {"config": saved["config"], **more, "command": command, "history": saved["history"]}


def write_manifest(weights: Path, model: str, made: dict, figures, figures_command: str) -> dict:
    """`made` says how."""
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
