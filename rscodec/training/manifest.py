"""The manifest beside weights that ship: what they are, how they were made, and what was measured of them."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path


def write_manifest(weights: Path, model: str, saved: dict, script: str, figures, figures_command: str, **more) -> dict:
    """`saved` is the checkpoint of the run that `script` made; `more` is what only some manifests say."""
    data = weights.read_bytes()
    manifest = {
        "model": model,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "licence": "MIT, as the project",
        "date": time.strftime("%Y-%m-%d"),
        "config": saved["config"],
        **more,
        "command": f"tools/pack_data.py, then {script} once for each entry of history",
        "history": saved["history"],
        "figures": figures,
        "figures_command": figures_command,
    }
    weights.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest
