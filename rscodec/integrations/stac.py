"""Writes a STAC item that describes a stream, as plain JSON, without a library.

    stream --> assets.rscodec: href, type, roles, file:size, file:checksum, raster:bands, proj:*, processing:lineage
    item   --> its other members stay; a new item also gets geometry, bbox and datetime

Extensions: file 2.1, projection 2.0, raster 1.1, processing 1.1. An item keeps the versions that it already names. With
version 1 of projection, the CRS is in proj:epsg and not in proj:code.
"""

from __future__ import annotations

import json
import math
import os
from datetime import datetime, timezone
from pathlib import Path

from rscodec.batch.stac_items import MEDIA_TYPE, are_assets, load_json
from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.digest import sha256
from rscodec.bitstreams.errors import InputError

ASSET = "rscodec"  # the key of the stream's asset
VERSION = "1.1.0"
EXTENSIONS = {
    name: f"https://stac-extensions.github.io/{name}/{version}/schema.json"
    for name, version in (("file", "v2.1.0"), ("projection", "v2.0.0"), ("raster", "v1.1.0"), ("processing", "v1.1.0"))
}
REFERENCE = ("proj:code", "proj:epsg", "proj:wkt2", "proj:projjson")  # the members that name a CRS
SHA256 = "1220"  # start of a multihash: the code of SHA-256 and its length, 32 bytes
TAKEN = (("", "TIFFTAG_DATETIME"), ("IMAGERY", "ACQUISITIONDATETIME"))  # tags with the time of acquisition
FORMS = ("%Y:%m:%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S")


def read_item(path: Path) -> dict | None:
    """The item in a file; None if there is no file. Call it before the work, so that a wrong file is detected early."""
    if not path.exists():
        AtomicPath(path).check()
        return None
    item = load_json(path)
    if item.get("type") != "Feature" or not str(item.get("stac_version", "")).startswith("1."):
        raise InputError(f"{path} is not a STAC item of version 1; name one, or a new file")
    if not are_assets(item.get("assets", {})):
        raise InputError(f"{path} has assets that are not JSON objects; correct the item")
    named = item.get("stac_extensions", [])
    if not isinstance(named, list) or not all(isinstance(url, str) for url in named):
        raise InputError(f"{path} has stac_extensions that are not a list of addresses; correct the item")
    return item


def write_item(path: Path, item: dict | None, stream: Path) -> list[str]:
    """Describe a stream in an item that `read_item` returned. Returns notes on uncertain values of a new item."""
    from rscodec.raster.metadata_schema import stream_metadata

    notes = []
    with StreamReader.from_path(stream) as reader:
        header, metadata = reader.header, stream_metadata(reader)
    if item is None:
        item, notes = _new_item(path, stream, header, metadata)
    named = item.get("stac_extensions", [])
    here = os.path.relpath(stream.absolute(), path.absolute().parent)
    asset = {
        "href": Path(here).as_posix() if here.startswith("..") else f"./{Path(here).as_posix()}",
        "type": MEDIA_TYPE,
        "roles": ["data"],
        "file:size": stream.stat().st_size,
        "file:checksum": SHA256 + sha256(stream),
        "raster:bands": _bands(header, metadata),
        "processing:lineage": f"compressed with rscodec, model {header.model} "
        f"(weights {header.weights_hash.hex()}), quality {header.quality:g}",
    } | _projection(header, metadata, any("/projection/v1." in url for url in named))
    assets = item.get("assets", {})
    kept = {key: value for key, value in assets.get(ASSET, {}).items() if key not in REFERENCE}
    item["assets"] = assets | {ASSET: kept | asset}
    missing = [url for name, url in EXTENSIONS.items() if not any(f"/{name}/" in one for one in named)]
    item["stac_extensions"] = [*named, *missing]
    with AtomicPath(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(item, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return notes


def _new_item(path: Path, stream: Path, header, metadata: dict) -> tuple[dict, list[str]]:
    from rscodec.raster.footprint import footprint

    place = footprint(metadata, header.width, header.height)
    taken = _taken(metadata)
    now = datetime.fromtimestamp(stream.stat().st_mtime, timezone.utc)
    item = {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [],
        "id": stream.stem,
        "geometry": place[0] if place else None,
        **({"bbox": place[1]} if place else {}),
        "properties": {"datetime": _utc(taken or now)},
        "links": [],
        "assets": {},
    }
    notes = []
    if not place:
        notes.append(f"the scene has no georeference: the geometry in {path} is null")
    if not taken:
        notes.append(f"the scene has no acquisition time: the datetime in {path} is the current time; correct it")
    return item, notes


def _taken(metadata: dict) -> datetime | None:
    """The time of acquisition in the metadata; UTC if it names no zone."""
    for namespace, tag in TAKEN:
        text = metadata.get("tags", {}).get(namespace, {}).get(tag, "").strip()
        for form in FORMS:
            try:
                found = datetime.strptime(text, form)
            except ValueError:
                continue
            return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
    return None


def _utc(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bands(header, metadata: dict) -> list[dict]:
    """raster:bands, without values that the scene does not have."""
    nodata, resolution = metadata.get("nodata"), _resolution(metadata)
    bands = []
    for band in range(header.bands):
        about = {"data_type": header.dtype, "sampling": _sampling(metadata)}
        if nodata is not None:
            value = float(nodata)
            about["nodata"] = value if math.isfinite(value) else str(value)
        for key, name in (("unit", "units"), ("scale", "scales"), ("offset", "offsets")):
            if metadata.get(name) and metadata[name][band] is not None:
                about[key] = metadata[name][band]
        if resolution is not None:
            about["spatial_resolution"] = resolution
        bands.append(about)
    return bands


def _resolution(metadata: dict) -> float | None:
    """The width of a pixel in metres; None if the CRS is not projected or the grid is rotated."""
    from rscodec.raster.metadata import parse_crs

    crs = parse_crs(metadata.get("crs"))
    if crs is None or not crs.is_projected or "transform" not in metadata:
        return None
    a, b, _, d, *_ = metadata["transform"]
    return abs(a) * crs.linear_units_factor[1] if b == d == 0 else None


def _sampling(metadata: dict) -> str:
    return metadata.get("tags", {}).get("", {}).get("AREA_OR_POINT", "Area").lower()


def _projection(header, metadata: dict, first: bool) -> dict:
    """The members of the projection extension. `first`: in its version 1."""
    crs, fields = metadata.get("crs"), {"proj:shape": [header.height, header.width]}
    if crs is not None:
        fields |= _reference(crs, first)
    if "transform" in metadata:
        fields["proj:transform"] = metadata["transform"]
    return fields


def _reference(crs: str, first: bool) -> dict:
    """The members that name the CRS. `first`: in version 1 of the extension."""
    from rscodec.raster.metadata import parse_crs

    authority, _, code = crs.partition(":")
    if first and authority == "EPSG" and code.isdecimal():
        return {"proj:epsg": int(code)}
    if not first and code and "[" not in crs:
        return {"proj:code": crs}
    wkt = crs if "[" in crs else parse_crs(crs).to_wkt(version="WKT2_2019")
    return {"proj:epsg" if first else "proj:code": None, "proj:wkt2": wkt}
