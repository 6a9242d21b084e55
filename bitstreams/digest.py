"""The SHA-256 of a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

BLOCK = 2**20


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
