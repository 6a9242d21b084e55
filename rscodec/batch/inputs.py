"""Expands the inputs that a user names for a batch into one list of scenes.

scene.tif, https://...   itself                         "2024/*.tif"   the files that match, ** for nested folders
folder                   its images, or its streams
scenes.txt               a path or pattern a line       items.json     the assets of a STAC item or item collection
"""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from rscodec.batch.stac_items import assets
from rscodec.bitstreams.errors import InputError
from rscodec.raster.reader import is_stream
from rscodec.stream.remote import is_url

RASTERS = (".tif", ".tiff", ".jp2", ".png", ".jpg", ".jpeg", ".img", ".vrt")  # what counts as an image in a folder
LIST, ITEMS = ".txt", (".json", ".geojson")


class Input(NamedTuple):
    """A file or URL, and the name of its output without a suffix."""

    path: str
    name: str


def find_inputs(named: Iterable[str], asset: str | None = None, streams: bool = False) -> list[Input]:
    """All inputs in order, each once: scenes, or streams if `streams`. `asset`: the key of the asset to take from each
    STAC item.
    """
    named = list(named)
    first: dict[tuple[str, str], Input] = {}
    for item in (item for one in named for item in _expand(one, asset, streams)):
        first.setdefault(_identity(item), item)
    found = list(first.values())
    if not found:
        raise InputError(f"{', '.join(named)}: there is no scene in it; check the list or the items")
    for item in found:
        if not item.name:
            raise InputError(f"the output of {item.path} would have no name; give it one as the id of a STAC item")
    names = Counter(item.name for item in found)
    for name in (name for name, count in names.items() if count > 1):
        twins = ", ".join(item.path for item in found if item.name == name)
        raise InputError(f"{twins} would all become {name}; give them different names, or folders of their own")
    return found


def _identity(item: Input) -> tuple[str, str]:
    """What is equal if a scene is named twice, in whatever way."""
    return item.path if is_url(item.path) else os.path.realpath(item.path), item.name


def _expand(named: str, asset: str | None, streams: bool, lists: tuple[Path, ...] = ()) -> Iterator[Input]:
    """Expand one name. `lists`: the lists that contain it."""
    suffix = PurePosixPath(named).suffix.lower()
    if named == "-":
        raise InputError("standard input cannot be read: save the list in a .txt file, and name that")
    if "\0" in named:
        raise InputError(f"no file can have the name {named!r}, which holds a NUL; correct it")
    if is_url(named):
        yield Input(named, _url_name(named))
    elif glob.has_magic(named) and not os.path.exists(named):
        paths = sorted(glob.glob(named, recursive=True))
        if not paths:
            raise InputError(f"nothing matches {named}; check the pattern")
        for path in paths:
            yield from _expand(path, asset, streams, lists)
    elif os.path.isdir(named):
        yield from _in_folder(Path(named), streams)
    elif suffix == LIST:
        if Path(named).resolve() in lists:
            raise InputError(f"the list {named} names itself; remove it from the list")
        for line in _lines(named):
            yield from _expand(line, asset, streams, (*lists, Path(named).resolve()))
    elif suffix in ITEMS:
        yield from (Input(path, name) for name, path in assets(Path(named), asset, streams))
    else:
        yield Input(str(Path(named).absolute()), Path(named).stem)


def _url_name(url: str) -> str:
    try:
        return PurePosixPath(urlsplit(url).path).stem
    except ValueError as problem:
        raise InputError(f"{url} is not a URL: {problem}; correct it") from None


def _in_folder(folder: Path, streams: bool) -> Iterator[Input]:
    """The images of a folder, or its streams."""
    files = [path.absolute() for path in sorted(folder.iterdir()) if path.is_file()]
    found = [path for path in files if is_stream(path) == streams and (streams or path.suffix.lower() in RASTERS)]
    if not found:
        what = "compressed file" if streams else f"image ({', '.join(RASTERS)})"
        raise InputError(
            f"there is no {what} in the folder {folder}; name files, or quote a pattern such as '**/*.tif'"
        )
    yield from (Input(str(path), path.stem) for path in found)


def _lines(path: str) -> list[str]:
    """The lines of a list, without comments and empty lines."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"cannot read the list {path}: {problem}") from None
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
