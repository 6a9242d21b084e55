"""Writes the page and all files that it needs to a folder, for any web server."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rscodec.bitstreams.atomic import check_on_disk
from rscodec.bitstreams.errors import OutputError
from rscodec.viewer.site import Site

PART = 2**20
WRITTEN = {"index.html", "viewer.json", "page", "decoder", "weights", "streams", "original"}


def export(site: Site, folder: str | Path, overwrite: bool = False) -> int:
    """Write the site and return its size in bytes. The folder appears when it is complete."""
    check_on_disk(folder, "folder")
    folder = Path(folder)
    if folder.exists() and not overwrite:
        raise OutputError(f"{folder} exists; choose another folder, or set `overwrite=True`")
    if folder.exists():
        _check_replaceable(site, folder)
    total = 0
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.absolute().parent) as scratch:
            made = Path(scratch) / "site"
            for path in site.paths():
                total += _write(site, path, made / path)
            _replace(folder.absolute(), made, Path(scratch) / "before")
    except OSError as problem:
        raise OutputError(f"cannot write {folder}: {problem.strerror or problem}") from None
    return total


def _check_replaceable(site: Site, folder: Path) -> None:
    """Raise OutputError unless an export wrote everything in the folder, and nothing in it is shown or in use."""
    if folder.is_symlink():
        raise OutputError(f"cannot write {folder}: it is a symbolic link; give the folder itself")
    if folder.resolve() == Path.cwd():
        raise OutputError(f"cannot write {folder}: it is the current folder; run the command in another one")
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if "viewer.json" not in names:
        raise OutputError(f"{folder} was not written by an export of the viewer; choose another folder")
    if foreign := sorted(names - WRITTEN):
        raise OutputError(f"{folder} has {foreign[0]}, which no export of the viewer wrote; choose another folder")
    for path in site.assets.values():
        if isinstance(path, Path) and folder.resolve() in path.resolve().parents:
            raise OutputError(f"{folder} has {path}, which the page would show; choose another folder")


def _replace(folder: Path, made: Path, before: Path) -> None:
    """Rename `made` to `folder`. What was there becomes `before`, and comes back if that fails."""
    if folder.exists():
        folder.rename(before)
    try:
        made.rename(folder)
    except OSError:
        if before.exists():
            before.rename(folder)
        raise


def _write(site: Site, path: str, target: Path) -> int:
    asset = site.find(path)
    assert asset is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for start in range(0, asset.size, PART):
            file.write(asset.read(start, min(PART, asset.size - start)))
    return asset.size
