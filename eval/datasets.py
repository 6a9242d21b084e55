"""Finds the images of a measurement: a data set by name, checked against its committed list, or any files and folders.

"test/ucmerced" --eval/datasets/test_ucmerced.json (path, bytes, sha256, bands of files; origin; licence)-->
$RSCODEC_DATA/test/ucmerced/... , each file checked against the list

"AID" --eval/datasets/AID.json (pattern and number of files; origin; licence)-->
$RSCODEC_DATA/AID/... , public data sets, of which only the number of files is checked
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from rscodec.bitstreams.errors import InputError

LISTS = Path(__file__).parent / "datasets"
SUFFIXES = (".tif", ".tiff", ".png", ".jp2", ".jpg")
HELD_OUT = ("test/ucmerced/*", "test/naip/*")  # images for the figures in manifests of weights, under $RSCODEC_DATA


@dataclass(frozen=True)
class Image:
    """`name`: the name in results, set/file, the same on every machine. `bands`: names of the bands from the list, if
    the file has none.
    """

    name: str
    path: Path
    bands: tuple[str, ...] = ()


def known() -> list[str]:
    return sorted(json.loads(path.read_text())["name"] for path in LISTS.glob("*.json"))


def images(sources: list[str]) -> list[Image]:
    """The images of data sets, folders and files, in order, each once."""
    found: dict[Path, Image] = {}
    for source in sources:
        for image in _of(source):
            found.setdefault(image.path.resolve(), image)
    by_name: dict[str, Image] = {}
    for image in found.values():
        other = by_name.setdefault(image.name, image)
        if other is not image:
            raise InputError(f"{other.path} and {image.path} would both have the name {image.name}: rename a folder")
    return list(found.values())


def spread(items: list, count: int) -> list:
    """`count` items, spread evenly, or all if there are fewer."""
    count = min(count, len(items))
    return [items[at * len(items) // count] for at in range(count)]


def _of(source: str) -> list[Image]:
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not files:
            raise InputError(f"{path} holds no image ({', '.join(SUFFIXES)})")
        return [Image(_name(file), file) for file in files]
    if path.is_file():
        return [Image(_name(path), path)]
    if source in known():
        return dataset(source)
    if path.parent.as_posix() in known():
        return dataset(path.parent.as_posix(), path.name)
    raise InputError(f"{source} is not a file, folder or data set; data sets are {', '.join(known())}")


def _name(path: Path) -> str:
    """The name of a file: as in its data set if it is under RSCODEC_DATA, else folder/file."""
    path, root = path.resolve(), Path(os.environ.get("RSCODEC_DATA") or path).resolve()
    return path.relative_to(root).as_posix() if root in path.parents else f"{path.parent.name}/{path.name}"


def dataset(name: str, only: str | None = None) -> list[Image]:
    """A data set under $RSCODEC_DATA, or one file of it. The error for a missing or different file names it."""
    root = os.environ.get("RSCODEC_DATA")
    listing = json.loads((LISTS / f"{name.replace('/', '_')}.json").read_text())
    if not root:
        raise InputError(f"{name} is found through RSCODEC_DATA, which is not set; origin: {listing['origin']}")
    folder = Path(root) / name
    if "pattern" in listing:
        found = [image for image in counted(folder, listing) if only in (None, image.path.name)]
    else:
        found = [
            Image(f"{name}/{entry['path']}", checked(folder / entry["path"], entry), tuple(entry.get("bands", ())))
            for entry in listing["files"]
            if only in (None, entry["path"])
        ]
    if not found:
        raise InputError(f"{name} has no file {only}")
    return found


def counted(folder: Path, listing: dict) -> list[Image]:
    """All images of a public data set."""
    files = sorted(folder.glob(listing["pattern"]))
    if len(files) != listing["count"]:
        raise InputError(
            f"{folder} has {len(files)} files {listing['pattern']} where {listing['name']} has {listing['count']}; "
            f"origin: {listing['origin']}"
        )
    return [Image(f"{listing['name']}/{file.relative_to(folder).as_posix()}", file) for file in files]


def checked(path: Path, entry: dict) -> Path:
    try:
        data = path.read_bytes()
    except OSError:
        raise InputError(f"{path} is missing; its data set lists it") from None
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise InputError(f"{path} is not the file that its data set lists (SHA-256 differs)")
    return path


def listing(name: str, folder: Path, origin: str, licence: str) -> dict:
    """The committed list for the images of a folder."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    return {
        "name": name,
        "origin": origin,
        "licence": licence,
        "files": [
            {"path": file.name, "bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
            for file in files
        ],
    }
