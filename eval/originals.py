"""The originals of a measurement, so that a resumed one does not mix rows of different pictures of the same name.

OUT/originals.json: name of the image and its bands -> a hash of its pixels
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import InputError


def hash_of(pixels: np.ndarray) -> str:
    about = f"{pixels.dtype.str} {pixels.shape} ".encode()
    return hashlib.sha256(about + np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16]


def check_originals(out: Path, hashes: Mapping[str, str]) -> None:
    """Compare the originals with those of earlier rows in `out`, and add new ones."""
    path = out / "originals.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    for name, value in hashes.items():
        if before.get(name, value) != value:
            raise InputError(f"{out} has results of another {name}; give another `out`")
    with AtomicPath(path, overwrite=True) as target:
        target.write_text(json.dumps(before | hashes, indent=1, sort_keys=True) + "\n")
