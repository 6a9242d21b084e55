"""The header's sections of variable length: a length, then that many bytes.

varint │ bytes      the length in groups of seven bits, lowest first, bit 7 set on all but the last byte
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping
from typing import NoReturn

from .errors import BadField, InputError, MetadataDamaged
from .limits import MAX_BOUND_BYTES, MAX_INTEGER_BOUND, MAX_METADATA_BYTES, MAX_METADATA_DEPTH, MIN_FLOAT_BOUND

CONTAINERS = (dict, list, tuple)  # JSON has no tuples, and stores them as lists


def pack_section(data: bytes) -> bytes:
    """`data` with its length in front."""
    prefix, length = bytearray(), len(data)
    while length > 127:
        prefix.append(length & 127 | 128)
        length >>= 7
    return bytes([*prefix, length]) + data


def pack_metadata(metadata: Mapping[str, object]) -> bytes:
    """A JSON object, keys sorted, no spaces, ASCII, deflated by zlib."""
    try:
        text = json.dumps(metadata, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise InputError(f"the metadata cannot be stored as JSON: {problem}") from None
    if _deep(metadata):
        raise InputError(f"the metadata nest deeper than {MAX_METADATA_DEPTH}; simplify them")
    data = zlib.compress(text.encode(), 9)
    if max(len(text), len(data)) > MAX_METADATA_BYTES:
        raise InputError(
            f"the metadata takes {len(text)} bytes, above the limit of {MAX_METADATA_BYTES}; "
            "remove the largest tags from the scene"
        )
    return data


def unpack_metadata(data: bytes) -> dict:
    """The object in a metadata section whose bytes passed the header's checksum."""
    try:
        metadata = json.loads(inflate(data, MAX_METADATA_BYTES), parse_constant=_refuse)
    except (ValueError, RecursionError) as problem:
        raise MetadataDamaged(f"the metadata section cannot be read: {_line(problem)}") from None
    if not isinstance(metadata, dict):
        raise MetadataDamaged("the metadata section holds JSON, but not an object")
    if _deep(metadata):
        raise MetadataDamaged(f"the metadata section nests deeper than {MAX_METADATA_DEPTH}")
    return metadata


def _deep(value: object) -> bool:
    """Whether objects and lists are inside each other deeper than the limit."""
    level = [value]
    for _ in range(MAX_METADATA_DEPTH):
        inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, CONTAINERS)]
        level = [one for some in inner for one in some]
    return any(isinstance(one, CONTAINERS) for one in level)


def pack_bound(largest: float, dtype: str) -> bytes:
    """The bytes of the largest error of a pixel, in units of the scene."""
    if not _legal_bound(largest, dtype):
        raise InputError(
            f"`max_error={largest:g}`: give a whole number from 0 to {MAX_INTEGER_BOUND} for integers, "
            f"{MIN_FLOAT_BOUND:.0g} or more for floats"
        )
    return struct.pack("<d", largest)


def unpack_bound(data: bytes, dtype: str) -> float:
    if len(data) != MAX_BOUND_BYTES:
        raise BadField(f"the bound section has {len(data)} bytes, not {MAX_BOUND_BYTES}")
    (largest,) = struct.unpack("<d", data)
    if not _legal_bound(largest, dtype):
        raise BadField(f"the bound section holds {largest:g}, which is no largest error of {dtype} pixels")
    return largest


def _legal_bound(largest: float, dtype: str) -> bool:
    if dtype.startswith("float"):
        return math.isfinite(largest) and largest >= MIN_FLOAT_BOUND
    return 0 <= largest <= MAX_INTEGER_BOUND and largest == int(largest)


def inflate(data: bytes, limit: int) -> bytes:
    """Inflate exactly one zlib stream of at most `limit` bytes. Raises ValueError for anything else."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, limit + 1)
    except zlib.error as problem:
        raise ValueError(f"zlib: {problem}") from None
    if len(plain) > limit:
        raise ValueError(f"it inflates to more than {limit} bytes")
    if not stream.eof or stream.unused_data:
        raise ValueError("its zlib stream has " + ("no end" if not stream.eof else "something after it"))
    return plain


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _line(problem: Exception) -> str:
    return " ".join(str(problem).split())
