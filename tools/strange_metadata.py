"""Makes metadata that no writer writes: any JSON under known keys, strange texts, very many entries."""

from __future__ import annotations

import json
import zlib

from mutations import metadata_of, with_metadata
from surgery import field

from rscodec.raster.metadata_schema import FORMS

MOST_ENTRIES = 100_000
TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "nan",
    "inf",
    "1e999",
    "300.5",
    "=",
    "a=b",
    "ns=a",
    "a\0b",
    "\n",
    "\ud800",
    "é",
    "<a>",
    "<a/>",
    "[]",
    "EPSG:4326",
    "EPSG:999999",
    "GEOGCS[",
    "x" * 100_000,
    "1 " * 20,
    "1 " * 10_000,
)
NAMES = (
    "",
    "a",
    "a=b",
    "ns=a",
    "a b",
    "a:b",
    "\0",
    "AREA_OR_POINT",
    "NODATA",
    "LINE_OFF",
    "xml:XMP",
    "xml:a",
    "json:a",
    "RPC",
    "ns",
    "bidx",
    "IMAGE_STRUCTURE",
    "GEOLOCATION",
    "SUBDATASETS",
    "COLOR_PROFILE",
    "DERIVED_SUBDATASETS",
    "TIFFTAG_SOFTWARE",
)
NUMBERS = (0, -1, 1, 0.5, 300.5, 1e-320, 1e308, -1e308, 2**63, 2**1000)
LEAVES = (None, True, False, *NUMBERS, *TEXTS)


def with_strange_metadata(rng, data: bytes) -> bytes:
    """A sound stream with metadata of another structure."""
    text, end = metadata_of(data)
    metadata = json.loads(text) if text else {}
    for _ in range(rng.integers(1, 4)):
        key = _one(rng, tuple(FORMS))
        kind = rng.integers(3)
        if kind == 0:
            metadata[key] = structure(rng)
        elif kind == 1:
            metadata[key] = plausible(rng, key, field(data, "bands"))
        else:
            _change_a_node(rng, metadata)
    packed = zlib.compress(json.dumps(metadata, allow_nan=False).encode(), 9)
    return with_metadata(data, packed, end)


def structure(rng, depth: int = 0):
    """A random JSON value."""
    kind = rng.integers(4 if depth < 4 else 2)
    if kind < 2:
        return _one(rng, LEAVES)
    parts = [structure(rng, depth + 1) for _ in range(rng.integers(0, 4))]
    return parts if kind == 2 else {_one(rng, NAMES): part for part in parts}


def plausible(rng, key: str, bands: int):
    """A value with the correct form for a key, but with strange content."""
    if key in ("tags", "band_tags"):
        return _tags(rng) if key == "tags" else [_tags(rng) for _ in range(bands)]
    if key in ("descriptions", "units", "scales", "offsets"):
        leaves = TEXTS if key in ("descriptions", "units") else NUMBERS
        return [_one(rng, leaves) for _ in range(bands)]
    if key == "colorinterp":
        return [_one(rng, ("red", "alpha", "undefined", "palette", "grey")) for _ in range(bands)]
    if key == "gcps":
        return [[*(_one(rng, NUMBERS) for _ in range(5)), str(number), ""] for number in range(_many(rng))]
    if key == "transform":
        return [_one(rng, NUMBERS) for _ in range(6)]
    return {_one(rng, NAMES): _one(rng, TEXTS) for _ in range(4)} if key == "rpcs" else _one(rng, TEXTS)


def _tags(rng) -> dict:
    tags = {_one(rng, NAMES): {_one(rng, NAMES): _one(rng, TEXTS) for _ in range(rng.integers(0, 4))} for _ in range(2)}
    return tags | {_one(rng, NAMES): {f"k{number}": "v" for number in range(_many(rng))}}


def _many(rng) -> int:
    """A number that is rarely very large."""
    return int(MOST_ENTRIES ** rng.random())


def _change_a_node(rng, node) -> None:
    """Replace a value somewhere inside."""
    while isinstance(node, (dict, list)) and node:
        key = _one(rng, tuple(node)) if isinstance(node, dict) else int(rng.integers(len(node)))
        if not isinstance(node[key], (dict, list)) or not node[key] or rng.random() < 0.3:
            node[key] = structure(rng)
            return
        node = node[key]


def _one(rng, choices: tuple):
    return choices[rng.integers(len(choices))]
