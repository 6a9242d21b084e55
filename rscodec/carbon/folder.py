"""Outputs that consist of several files in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rscodec.bitstreams.atomic import check_on_disk
from rscodec.bitstreams.errors import OutputError


def check(folder: Path, files: Iterable[str], overwrite: bool) -> None:
    """Raise OutputError if the folder cannot be made or, without `overwrite`, already contains one of the files."""
    check_on_disk(folder, "folder")
    if not folder.parent.is_dir():
        raise OutputError(f"cannot write {folder}: there is no folder {folder.parent}; create it first")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write {folder}: it is a file, not a folder")
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise OutputError(f"cannot write {folder}: it has a {there[0]}; give `overwrite=True` or choose another name")


def make(folder: Path, files: Iterable[str], overwrite: bool) -> None:
    """Call `check`, and make the folder if it does not exist."""
    check(folder, files, overwrite)
    folder.mkdir(exist_ok=True)
