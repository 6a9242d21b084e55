"""Writes the page and all files that it needs to a folder, for any web server."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from rscodec.bitstreams.atomic import check_on_disk
from rscodec.bitstreams.errors import OutputError
from rscodec.viewer.site import Site

PART = 2**20


def export(site: Site, folder: str | Path, overwrite: bool = False) -> int:
    """Write the site and return its size in bytes. The folder appears when it is complete."""
    check_on_disk(folder, "folder")
    folder = Path(folder)
    if folder.exists() and not overwrite:
        raise OutputError(f"{folder} exists; choose another folder, or set `overwrite=True`")
    if folder.exists() and not (folder / "viewer.json").is_file():
        raise OutputError(f"{folder} was not written by an export of the viewer; choose another folder")
    total = 0
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.absolute().parent) as scratch:
            made = Path(scratch) / "site"
            for path in site.paths():
                total += _write(site, path, made / path)
            if folder.exists():
                shutil.rmtree(folder)
            made.rename(folder)
    except OSError as problem:
        raise OutputError(f"cannot write {folder}: {problem.strerror or problem}") from None
    return total


def _write(site: Site, path: str, target: Path) -> int:
    asset = site.find(path)
    assert asset is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for start in range(0, asset.size, PART):
            file.write(asset.read(start, min(PART, asset.size - start)))
    return asset.size
