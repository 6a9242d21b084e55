"""The schema of a stream's metadata: checks the value of every known key. Unknown keys are kept.

A checksum proves that bytes are unchanged. It does not prove that their author was well-meaning.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError, LimitExceeded, MetadataDamaged
from rscodec.bitstreams.limits import MAX_TAGS
from rscodec.raster.metadata import COLOURS, RESERVED, RPC_ORIGIN, XML, Metadata, is_number, unwritable


def stream_metadata(reader: StreamReader) -> Metadata:
    """The metadata of a stream. Raises MetadataDamaged if a known key has a value that no scene has."""
    metadata = cast(Metadata, reader.metadata)  # checked below
    for key in _impossible(metadata, reader.header.bands):
        raise MetadataDamaged(f"the metadata have an impossible {key}; the stream is not one that rscodec writes")
    if _tags(metadata) > MAX_TAGS:
        raise LimitExceeded(
            f"the scene has {_tags(metadata)} tags, above the limit of {MAX_TAGS}; "
            "the stream is not one that rscodec writes"
        )
    return metadata


def image_metadata(reader: StreamReader) -> Metadata:
    """The metadata of a stream for an image file. Also raises MetadataDamaged if no image can hold it."""
    metadata = stream_metadata(reader)
    for key in unwritable(metadata, reader.header.dtype):
        raise MetadataDamaged(
            f"no image can hold the {key} of the metadata, {metadata.get(key)!r:.160}; "
            "decode the pixels in Python, with rscodec.open"
        )
    return metadata


def check_metadata(metadata: Metadata, bands: int) -> None:
    """Raise InputError if a stream with this metadata could not be read."""
    for key in _impossible(metadata, bands):
        raise InputError(
            f"the scene's metadata have an impossible {key}, {metadata.get(key)!r:.160}; "
            "rscodec/raster/metadata.py describes it"
        )
    if _tags(metadata) > MAX_TAGS:
        raise InputError(f"the scene has {_tags(metadata)} tags, above the limit of {MAX_TAGS}; remove some")


def _impossible(metadata: Mapping[str, Any], bands: int) -> list[str]:
    return [key for key, has_form in FORMS.items() if key in metadata and not has_form(metadata[key], bands)]


def _tags(metadata: Metadata) -> int:
    """The number of tags; an empty namespace counts as one."""
    spaces = [metadata.get("tags", {}), *metadata.get("band_tags", [])]
    count = sum(max(1, len(items)) for space in spaces for items in space.values())
    return count + len(metadata.get("rpcs", {}))


def _is_text(value: object, bands: int = 0) -> bool:
    """Whether a value is a text that GDAL can store: UTF-8 without NUL."""
    return isinstance(value, str) and "\0" not in value and _is_unicode(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _is_number(value: object, bands: int = 0) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _reads_as_number(value: object, bands: int = 0) -> bool:
    return isinstance(value, str) and is_number(value)


def _is_colour(value: object, bands: int = 0) -> bool:
    return isinstance(value, str) and value in COLOURS


def _is_true(value: object, bands: int) -> bool:
    return value is True


def _is_transform(value: object, bands: int) -> bool:
    return isinstance(value, list) and len(value) == 6 and all(map(_is_number, value))


def _is_point(value: Any) -> bool:
    """[row, col, x, y, z, id, info]"""
    whole = isinstance(value, list) and len(value) == 7
    return whole and all(map(_is_number, value[:5])) and all(map(_is_text, value[5:]))


def _are_points(value: object, bands: int) -> bool:
    return isinstance(value, list) and all(map(_is_point, value))


def _are_texts(value: object, bands: int = 0) -> bool:
    return isinstance(value, dict) and all(map(_is_text, (*value, *value.values())))


def _are_rpcs(value: Any, bands: int) -> bool:
    if not _are_texts(value) or not _can_be_written(value):
        return False
    return all(_reads_as_number(value.get(key)) for key in {*RPC_ORIGIN, *(RPC_SCALES & value.keys())})


def _are_tags(value: Any, bands: int = 0) -> bool:
    texts = isinstance(value, dict) and all(map(_is_text, value)) and all(map(_are_texts, value.values()))
    return texts and all(
        _is_document(*one) if one[0].startswith(XML) else _can_be_written(one[1]) for one in value.items()
    )


def _is_document(namespace: str, items: dict[str, str]) -> bool:
    """Whether the items of an XML namespace are one text under the name of the namespace. rasterio takes the part
    before the first "=" as its key.
    """
    return list(items) == [namespace] and items[namespace].partition("=")[0] not in RESERVED


def _can_be_written(items: dict[str, str]) -> bool:
    return not any(key in items for key in RESERVED)


def _per_band(has_form: Callable) -> Callable:
    return lambda value, bands: isinstance(value, list) and len(value) == bands and all(map(has_form, value))


def _or_none(has_form: Callable) -> Callable:
    return lambda value: value is None or has_form(value)


RPC_SCALES = {"LINE_SCALE", "SAMP_SCALE"}
FORMS: dict[str, Callable] = {
    "crs": _is_text,
    "transform": _is_transform,
    "gcps": _are_points,
    "gcps_crs": _is_text,
    "rpcs": _are_rpcs,
    "nodata": _reads_as_number,
    "tags": _are_tags,
    "band_tags": _per_band(_are_tags),
    "descriptions": _per_band(_or_none(_is_text)),
    "units": _per_band(_or_none(_is_text)),
    "scales": _per_band(_is_number),
    "offsets": _per_band(_is_number),
    "colorinterp": _per_band(_is_colour),
    "masked": _is_true,
}
