"""Tags that mark generated pixels. They stay with a scene in every file made from it.

    synthetic=yes, synthetic_model, synthetic_weights, synthetic_seed, synthetic_bands, synthetic_source_crc32, ...

If pixels were generated from generated pixels, these tags describe the last model, synthetic_before_model, ... the
model before it, synthetic_before_before_model, ... the one before that.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError
from rscodec.raster.marks import BEFORE, PREFIX
from rscodec.raster.metadata import Metadata


def marked(metadata: Metadata, bands: list[int], facts: dict[str, object]) -> Metadata:
    """The metadata of a scene whose `bands` (counted from 1) are partly or fully generated. `facts` say how."""
    facts = {"bands": ",".join(map(str, bands))} | facts
    tags = {PREFIX: "yes"} | {f"{PREFIX}_{name}": str(fact) for name, fact in facts.items()}
    before = synthetic(metadata)
    tags |= {name.replace(PREFIX, PREFIX + BEFORE, 1): value for name, value in before.items() if name != PREFIX}
    namespaces = metadata.get("tags", {})
    others = {name: value for name, value in namespaces.get("", {}).items() if name not in before}
    return metadata | {"tags": namespaces | {"": others | tags}}


def synthetic(metadata: Metadata) -> dict[str, str]:
    """The tags that mark a scene as generated; empty for a measured scene."""
    tags = metadata.get("tags", {}).get("", {})
    return {name: value for name, value in tags.items() if name.startswith(PREFIX)} if tags.get(PREFIX) == "yes" else {}


def refuse_synthetic(metadata: Metadata, name: str | Path, advice: str = "give the original") -> None:
    """Raise InputError if pixels are generated. Call it before measuring: generated pixels are no measurement."""
    tags = synthetic(metadata)
    if tags:
        made = f"bands {tags.get(f'{PREFIX}_bands', '?')} by {tags.get(f'{PREFIX}_model', 'some model')}"
        raise InputError(f"{name} is generated ({made}), not measured: {advice}")


def raster_crc32(path: str | Path) -> str:
    """`source_crc32` of a raster: the checksum of its file."""
    checksum = 0
    try:
        with Path(path).open("rb") as file:
            while part := file.read(2**20):
                checksum = zlib.crc32(part, checksum)
    except OSError:
        raise InputError(f"{path} is no file here, and tags need its checksum: fetch it and use the copy") from None
    return f"{checksum:08x}"


def stream_crc32(reader: StreamReader) -> str:
    """`source_crc32` of a stream: the checksum of its tile index, which holds the checksums of all tiles."""
    return f"{zlib.crc32(reader.index.tobytes()):08x}"
