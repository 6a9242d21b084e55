"""Marks of generated pixels in the tags of a scene, when bands are chosen or files are joined.

    synthetic=yes, synthetic_bands=1,3, synthetic_before_bands=2, ... --of_bands, of_files--> the same with new numbers

rscodec/raster/provenance.py says what the tags mean. A model without generated bands leaves the mark. A model that does
not name bands of its file counts for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

PREFIX, BEFORE = "synthetic", "_before"
BANDS, BICUBIC = NUMBERED = "bands", "bicubic_bands"
NAME = re.compile(rf"{PREFIX}((?:{BEFORE})*)_(.+)")

Tags = dict[str, dict[str, str]]
Facts = dict[str, str]  # about one model: name without the prefix -> value


def of_bands(tags: Tags, bands: Sequence[int], count: int) -> Tags:
    """The tags for a selection of bands (0-based) from a dataset with `count` bands."""
    models, others = _parted(tags)
    if not models or list(bands) == list(range(count)):
        return tags
    places = {band + 1: place for place, band in enumerate(bands, 1)}
    return _with_mark(tags, others, [_renumbered(facts, count, places) for facts in models])


def of_files(files: Sequence[tuple[Tags, int]]) -> Tags:
    """The tags for the bands of several files, each with its tags and number of bands: those of the first file, and the
    marks of all. Facts that differ in nothing but bands are joined; others follow each other.
    """
    joined: list[Facts] = []
    before = 0
    for tags, count in files:
        places = {band: before + band for band in range(1, count + 1)}
        for facts in _parted(tags)[0]:
            moved = _renumbered(facts, count, places)
            same = next((known for known in joined if _unnumbered(known) == _unnumbered(moved)), None)
            if same is None:
                joined.append(moved)
            else:
                same |= {name: ",".join(filter(None, (same.get(name), moved.get(name)))) for name in NUMBERED}
        before += count
    first = files[0][0]
    return _with_mark(first, _parted(first)[1], joined) if joined else first


def _parted(tags: Tags) -> tuple[list[Facts], dict[str, str]]:
    """(the facts about each model, the last model first; the tags that are no mark)."""
    own = tags.get("", {})
    if own.get(PREFIX) != "yes":
        return [], own
    models: dict[int, Facts] = {0: {}}
    for found in filter(None, map(NAME.fullmatch, own)):
        models.setdefault(len(found[1]) // len(BEFORE), {})[found[2]] = own[found[0]]
    others = {name: value for name, value in own.items() if name != PREFIX and not NAME.fullmatch(name)}
    return [models[depth] for depth in sorted(models)], others


def _renumbered(facts: Facts, count: int, places: Mapping[int, int]) -> Facts:
    """The facts with new numbers of bands. Bands without a new number are left out."""
    every = {str(band) for band in range(1, count + 1)}
    generated, bicubic = (set(facts.get(name, "").split(",")) for name in NUMBERED)
    named = generated.issubset(every)
    numbers = {BANDS: generated if named else every, BICUBIC: bicubic & every}
    moved = {name: sorted(places[int(band)] for band in old if int(band) in places) for name, old in numbers.items()}
    return _unnumbered(facts) | {name: ",".join(map(str, new)) for name, new in moved.items() if new}


def _unnumbered(facts: Facts) -> Facts:
    return {name: value for name, value in facts.items() if name not in NUMBERED}


def _with_mark(tags: Tags, others: dict[str, str], models: Iterable[Facts]) -> Tags:
    """The tags with a mark of these models instead of their own."""
    mark: dict[str, str] = {}
    for depth, facts in enumerate(facts for facts in models if BANDS in facts):
        mark[PREFIX] = "yes"
        mark |= {f"{PREFIX}{BEFORE * depth}_{name}": value for name, value in facts.items() if value}
    own = others | mark
    return {space: items for space, items in (tags | {"": own}).items() if items or space}
