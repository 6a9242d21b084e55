"""Which scenes a batch is about: what a user names on the command line, as one list.

    scene.tif, https://...   itself                         "2024/*.tif"   what the pattern finds, ** for folders within
    scenes.txt               a path or pattern a line       items.json     the assets of a STAC item or item collection
"""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from bitstreams.errors import InputError
from rscodec.integrations.remote import is_url
from rscodec.integrations.stac import assets

LIST, ITEMS = ".txt", (".json", ".geojson")


class Input(NamedTuple):
    """A file or URL, and the name that its output gets, without a suffix."""

    path: str
    name: str


def find_inputs(named: Iterable[str], asset: str | None = None, streams: bool = False) -> list[Input]:
    """All inputs, in order, each once: scenes, or `streams`. `asset`: the key of the one to take of every STAC item."""
    named = list(named)
    found = list(dict.fromkeys(item for one in named for item in _expand(one, asset, streams)))
    if not found:
        raise InputError(f"{', '.join(named)}: there is no scene in it; check the list or the items")
    names = Counter(item.name for item in found)
    for name in (name for name, count in names.items() if count > 1):
        twins = ", ".join(item.path for item in found if item.name == name)
        raise InputError(f"{twins} would all become {name}; give them different names, or folders of their own")
    return found


def _expand(named: str, asset: str | None, streams: bool) -> Iterator[Input]:
    suffix = PurePosixPath(named).suffix.lower()
    if is_url(named):
        yield Input(named, PurePosixPath(urlsplit(named).path).stem)
    elif suffix == LIST:
        for line in _lines(named):
            yield from _expand(line, asset, streams)
    elif suffix in ITEMS:
        yield from (Input(path, name) for name, path in assets(Path(named), asset, streams))
    elif Path(named).exists() or not glob.has_magic(named):
        yield Input(str(Path(named).absolute()), Path(named).stem)
    else:
        paths = sorted(glob.glob(named, recursive=True))
        if not paths:
            raise InputError(f"nothing matches {named}; check the pattern")
        yield from (Input(str(Path(path).absolute()), Path(path).stem) for path in paths)


def _lines(path: str) -> list[str]:
    """The lines of a list, without comments and empty ones."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"cannot read the list {path}: {problem}") from None
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
