"""Ways to damage a stream. Each takes (rng, data, others) and returns bytes. The stream may already be damaged."""

from __future__ import annotations

import zlib

import numpy as np
from surgery import (
    PLACES,
    PLANES_BIT,
    field,
    index_of,
    layout,
    patch,
    payloads_of,
    tiles_of,
    with_index,
    with_section,
)

from rscodec.bitstreams.header import FIXED

NUMBERS = [name for name, (_, code) in PLACES.items() if code != "8s" and name not in ("magic", "version")]
SMALL = (0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 127, 128, 255, 256)
TELLING = (*SMALL, 1000, 2047, 4096, 65535, 2**20, 2**20 + 1, 2**31, 2**32 - 1)
JSON_BYTES = b'0123456789-+.eE"{}[]:,\\untrfalse '


def flips(rng, data: bytes, others) -> bytes:
    """Flip some bits, anywhere or only in the first bytes."""
    data = bytearray(data)
    reach = len(data) if rng.random() < 0.5 else min(len(data), 120)
    for at in rng.integers(0, max(reach, 1), rng.integers(1, 9)):
        if at < len(data):
            data[at] ^= 1 << int(rng.integers(8))
    return bytes(data)


def overwritten(rng, data: bytes, others) -> bytes:
    """Overwrite a run with noise, zeros or ones."""
    at, length = _run(rng, data, 32)
    return data[:at] + _filling(rng, length) + data[at + length :]


def cut(rng, data: bytes, others) -> bytes:
    """Remove the end, or a run in the middle."""
    if rng.random() < 0.5:
        return data[: rng.integers(0, len(data) + 1)]
    at, length = _run(rng, data, 64)
    return data[:at] + data[at + length :]


def inserted(rng, data: bytes, others) -> bytes:
    """Insert a run of noise, or of bytes from the stream."""
    at, length = _run(rng, data, 64)
    run = data[at : at + length] if rng.random() < 0.5 else _filling(rng, length)
    return data[:at] + run + data[at:]


def spliced(rng, data: bytes, others) -> bytes:
    """Join the beginning of this stream and the end of another one."""
    other = others[rng.integers(len(others))]
    return data[: rng.integers(0, len(data) + 1)] + other[rng.integers(0, len(other)) :]


def numbered(rng, data: bytes, others) -> bytes:
    """Set header fields to special values, or to values that are almost correct."""
    if len(data) < FIXED.size:
        return data
    for name in rng.choice(NUMBERS, rng.integers(1, 4)):
        size = {"B": 1, "H": 2, "I": 4}[PLACES[name][1]]
        near = max(0, field(data, name) + int(rng.integers(-3, 4)))
        value = near if rng.random() < 0.5 else int(rng.choice(TELLING))
        data = patch(data, **{name: value % 256**size})
    return data


def lengthened(rng, data: bytes, others) -> bytes:
    """Change lengths of the index, or the length byte of a section."""
    entries = index_of(data)
    if rng.random() < 0.2 and len(data) > FIXED.size:
        return data[: FIXED.size] + bytes([rng.integers(256)]) + data[FIXED.size + 1 :]
    if not len(entries):
        return data
    for at in rng.integers(0, len(entries), rng.integers(1, 3)):
        near = max(0, int(entries["length"][at]) + int(rng.integers(-8, 9)))
        entries["length"][at] = near % 2**32 if rng.random() < 0.7 else int(rng.choice(TELLING))
    return with_index(data, entries)


def restuffed(rng, data: bytes, others) -> bytes:
    """Replace payloads by other content, often of another length, with a matching index."""
    _, end = layout(data)
    entries, payloads = index_of(data), payloads_of(data)
    if end is None or not payloads:
        return data
    for at in rng.integers(0, len(payloads), rng.integers(1, 3)):
        content = payloads[at]
        kind = rng.integers(4)
        if kind == 0:
            content = _filling(rng, int(rng.choice([1, 2, 4, 7, 8, 9, 12, 16, 64, 300])))
        elif kind == 1 and content:
            content = overwritten(rng, content, others)
        elif kind == 2:
            content = content[: rng.integers(0, len(content) + 1)]
        else:
            content = payloads[rng.integers(len(payloads))]
        payloads[at], entries["length"][at] = content, len(content)
    return with_index(data, entries)[: end + 4] + b"".join(payloads)


def reworded(rng, data: bytes, others) -> bytes:
    """Damage the text of the metadata, not its compression."""
    text, end = metadata_of(data)
    if not text:
        return data
    text = bytearray(text)
    for _ in range(rng.integers(1, 5)):
        start = int(rng.integers(0, len(text) + 1))
        stop = start + int(rng.integers(0, 4))
        text[start:stop] = bytes(rng.choice(list(JSON_BYTES), rng.integers(0, 4)).astype(np.uint8))
    return with_metadata(data, zlib.compress(bytes(text), 9), end)


def metadata_of(data: bytes) -> tuple[bytes, int]:
    """The text of the metadata section, empty if it cannot be read, and the end of the section."""
    crc, _ = layout(data)
    if crc is None or not field(data, "flags") & 1:
        return b"", FIXED.size
    at, length, shift = FIXED.size, 0, 0
    while at < crc:
        length |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            break
    try:
        return zlib.decompressobj().decompress(data[at : at + length], 2**20), at + length
    except zlib.error:
        return b"", at + length


def with_metadata(data: bytes, packed: bytes, end: int) -> bytes:
    """Replace the metadata section that ends at `end`. The rest does not change."""
    flags = field(data, "flags")
    bare = patch(data, flags=flags & ~1)[: FIXED.size] + data[end:]
    return patch(with_section(bare, "metadata", packed), flags=flags | 1)


def removed(rng, data: bytes) -> bytes:
    """A sound stream with one or two payloads removed, and their index entries set to empty.

    Mostly planes and residuals are removed: a tile with only some of its groups is refused without decoding.
    """
    _, end = layout(data)
    entries, payloads, before = index_of(data), payloads_of(data), bool(field(data, "flags") & PLANES_BIT)
    position = np.arange(len(entries)) % (len(entries) // tiles_of(data)) - before
    there = entries["length"] > 0
    sides = there & ((position < 0) | (position >= field(data, "groups")))
    there = np.flatnonzero(sides if sides.any() and rng.random() < 0.8 else there)
    for at in rng.choice(there, min(len(there), rng.integers(1, 3)), replace=False):
        payloads[at], entries[at] = b"", 0
    return with_index(data, entries)[: end + 4] + b"".join(payloads)


MUTATIONS = (flips, overwritten, cut, inserted, spliced, numbered, lengthened, restuffed, reworded)


def _run(rng, data: bytes, longest: int) -> tuple[int, int]:
    return int(rng.integers(0, len(data) + 1)), int(rng.integers(1, longest + 1))


def _filling(rng, length: int) -> bytes:
    return (rng.bytes(length), bytes(length), b"\xff" * length)[rng.integers(3)]
