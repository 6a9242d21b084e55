"""Explains a stream: what each byte range holds, and how many bytes each part takes."""

from __future__ import annotations

import struct
from dataclasses import fields
from typing import NamedTuple

from . import wire
from .container import StreamReader
from .header import Header

WEIGHTS_BIT = b"\x80"  # of the first byte of a radiometry section


class Line(NamedTuple):
    """One part of the stream."""

    offset: int
    size: int
    field: str
    value: str
    meaning: str


def explain(reader: StreamReader) -> list[Line]:
    """Every field of the header and every later part, in the order of the stream, without gaps."""
    header, parts = reader.header, reader.parts
    lines = [
        Line(0, 4, "magic", wire.MAGIC.hex(" "), "an rscodec stream"),
        Line(4, 1, "version", str(wire.VERSION), "version of the format"),
    ]
    for f in fields(Header):
        size = struct.calcsize("<" + f.metadata["kind"].code)
        value = _words(getattr(header, f.name))
        lines.append(Line(lines[-1].offset + lines[-1].size, size, f.name, value, f.metadata["meaning"]))
    if "metadata" in parts:
        keys = ", ".join(reader.metadata).encode(errors="backslashreplace").decode()  # half of a surrogate pair
        lines.append(Line(*parts["metadata"], "metadata", keys, "about the scene"))
    if reader.radiometry is not None:
        balanced = ", balanced" if reader.radiometry[:1] >= WEIGHTS_BIT else ""
        lines.append(
            Line(
                *parts["radiometry"],
                "radiometry",
                f"{len(reader.radiometry)} bytes{balanced}",
                "between pixels and network channels",
            )
        )
    if "bound" in parts:
        lines.append(Line(*parts["bound"], "bound", f"{reader.bound:g}", "largest error of a valid pixel"))
    rows, cols = reader.grid
    per_tile = " and ".join(
        ["planes"] * header.planes + [f"{header.groups} group(s)"] * (header.groups > 0) + ["residual"] * header.bounded
    )
    index_at, index_size = parts["index"]
    lost = missing(reader)
    order = f"tile by tile; cut off, the last {lost} bytes are missing" if lost else "tile by tile"
    return [
        *lines,
        Line(index_at - 4, 4, "header crc32", "matches", "of everything before it"),
        Line(index_at, index_size, "index", f"{rows} x {cols} tiles", f"12 bytes each for {per_tile}"),
        Line(index_at + index_size, 4, "index crc32", "matches", "of the index"),
        Line(*parts["payloads"], "payloads", str((reader.index["length"] > 0).sum()), order),
    ]


def missing(reader: StreamReader) -> int:
    """How many bytes are missing at the end of the stream, if that is known."""
    return 0 if reader.size is None else reader.end - reader.size


MEANINGS = {"rate_bpp_file": "bits of the file for each pixel, valid or not"}


def totals(reader: StreamReader) -> dict[str, float]:
    """Bytes of each part, including its checksum. The rate counts all pixels, valid or not."""
    header, parts, length = reader.header, reader.parts, reader.index["length"]
    coded = length[:, header.planes : header.planes + header.groups]
    groups, residual = int(coded.sum(dtype="int64")), int(length[:, -1].sum(dtype="int64")) * header.bounded
    sections = {name: parts.get(name, (0, 0))[1] for name in ("metadata", "radiometry", "bound")}
    return {
        "bytes_file": reader.end,
        "bytes_header": parts["fixed"][1] + 4,
        "bytes_metadata": sections["metadata"],
        "bytes_radiometry": sections["radiometry"],
        "bytes_bound": sections["bound"],
        "bytes_index": parts["index"][1] + 4,
        "bytes_planes": parts["payloads"][1] - groups - residual,
        "bytes_groups": groups,
        "bytes_residual": residual,
        "bytes_overhead": reader.end - groups - residual,
        "tiles": len(length),
        "tiles_absent": int((coded == 0).all(axis=1).sum()) if header.groups else 0,
        "rate_bpp_file": 8 * reader.end / (header.width * header.height),
    }


def _words(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, frozenset):
        return ", ".join(name for name in wire.FLAGS if name and name in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
