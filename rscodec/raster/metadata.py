"""All metadata that rasterio reads from a dataset, as a dictionary that JSON stores exactly.

    open dataset --read_metadata--> {"crs": ..., "transform": ..., ...} --write_metadata--> new dataset
                                     select_bands, crop_metadata, scale_metadata

`Metadata` lists the keys. How the pixels were stored (driver, compression, interleaving) is no property of the scene
and is left out. RPCs are numbers: units beside them are dropped. RPCs without offsets cannot be used and are dropped,
too. JSON keeps floats exactly: it writes the shortest text that reads back as the same double.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, cast

import numpy as np
from rasterio import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.dtypes import in_dtype_range
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError
from rasterio.io import DatasetReader, DatasetWriter

from rscodec.bitstreams.errors import InputError
from rscodec.raster import marks
from rscodec.raster.gdal import Listener
from rscodec.raster.validity import native

STORAGE_NAMESPACES = {"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "SUBDATASETS", "RPC", "TIFF"}
COLOURS = frozenset(ColorInterp.__members__)
PER_BAND = ("descriptions", "units", "scales", "offsets", "colorinterp")
RPC_ORIGIN = ("LINE_OFF", "SAMP_OFF")
RESERVED = ("ns", "bidx")  # rasterio cannot write tags with these names
XML = "xml:"  # prefix of a namespace that is a single document
DECLARATION = '<?xml version="1.0"?>'  # written before documents without "="
NOT_IN_TIFF = {"COLOR_PROFILE": ("SOURCE_ICC_PROFILE_NAME",)}  # tags of a PNG; the profile itself is kept
RPC_TOLERANCE = 1e-13  # TIFF readers print RPCs with 15 digits
CRS_TEXT = re.compile(r"\s*(\w+\s*\[|\+?proj=|\{|urn:|\w+:[\w.+-]+$|(WGS|NAD)\d\d$)")  # WKT, PROJ, JSON, codes, names
CRS_TOLERANCE = 1e-13  # WKT has 15 digits, and GeoTIFF stores axes instead of the flattening
CRS_NUMBERS = re.compile(r'(PARAMETER|ELLIPSOID|SPHEROID|PRIMEM)\["[^"]*",([-+.\deE]+(?:,[-+.\deE]+)?)')
NUMBER = re.compile(r"\s*[+-]?(nan|inf|infinity|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)\s*", re.ASCII | re.IGNORECASE)
CRS_UNITS = re.compile(r'UNIT\["([^"]*)"')

Tags = dict[str, dict[str, str]]  # {namespace: {key: value}}, "" is the default namespace


class Metadata(TypedDict, total=False):
    """Only values that differ from the defaults are present, so a plain PNG, JPEG or TIFF has {}. A stream may have
    more keys, which are kept. rscodec/raster/metadata_schema.py checks the values.
    """

    crs: str  # "EPSG:32633" if that defines the CRS completely, else WKT2
    transform: list[float]  # [a, b, c, d, e, f] of the affine geotransform
    gcps: list[list[Any]]  # [row, col, x, y, z, id, info] of each ground control point
    gcps_crs: str  # like crs
    rpcs: dict[str, str]  # the RPC tags
    nodata: str  # the value as text, also "nan"
    tags: Tags
    band_tags: list[Tags]  # this list and those below have one item for each band
    descriptions: list[str | None]
    units: list[str | None]
    scales: list[float]
    offsets: list[float]
    colorinterp: list[str]
    masked: bool  # True if a dataset mask says which pixels are valid


def read_metadata(source: DatasetReader, bands: tuple[int, ...]) -> Metadata:
    """The metadata of an open rasterio dataset and of these bands (1-based)."""
    points, points_crs = source.gcps
    band_tags = [_read_tags(source, band) for band in bands]
    chosen = {key: [getattr(source, key)[band - 1] for band in bands] for key in PER_BAND}
    nodata = source.nodatavals[bands[0] - 1]
    metadata = {
        "crs": crs_text(source.crs),
        "transform": None if source.transform.is_identity else list(source.transform)[:6],
        "gcps": [[p.row, p.col, p.x, p.y, p.z or 0.0, p.id, p.info or ""] for p in points],
        "gcps_crs": crs_text(points_crs) if points else None,
        "rpcs": _read_rpcs(source),
        "nodata": None if nodata is None else repr(float(nodata)),
        "tags": marks.of_bands(_read_tags(source), [band - 1 for band in bands], source.count),
        "band_tags": band_tags if any(band_tags) else None,
        "descriptions": _unless_all(chosen["descriptions"], None),
        "units": _unless_all([unit or None for unit in chosen["units"]], None),
        "scales": _unless_all(chosen["scales"], 1.0),
        "offsets": _unless_all(chosen["offsets"], 0.0),
        "colorinterp": _unless_default([colour.name for colour in chosen["colorinterp"]], source.dtypes[0]),
        "masked": any(source.mask_flag_enums[band - 1] == [MaskFlags.per_dataset] for band in bands),
    }
    return _present(metadata)


def _present(metadata: Mapping[str, object]) -> Metadata:
    """The metadata without empty and default values."""
    return cast(Metadata, {key: value for key, value in metadata.items() if value})


def write_metadata(target: DatasetWriter, metadata: Metadata) -> None:
    """Write this metadata to a new dataset before its pixels. Its nodata value was set when it was created."""
    for namespace, items in metadata.get("tags", {}).items():
        _write_tags(target, namespace, items)
    for band, namespaces in enumerate(metadata.get("band_tags", []), 1):
        for namespace, items in namespaces.items():
            _write_tags(target, namespace, items, band)
    if "crs" in metadata:
        target.crs = parse_crs(metadata["crs"])
    if "transform" in metadata:
        target.transform = Affine(*metadata["transform"])
    if "gcps" in metadata:
        points = [GroundControlPoint(r, c, x, y, z, id, info) for r, c, x, y, z, id, info in metadata["gcps"]]
        target.gcps = points, parse_crs(metadata.get("gcps_crs")) or CRS()
    if "rpcs" in metadata:
        target.update_tags(ns="RPC", **metadata["rpcs"])
    given: Mapping[str, Any] = metadata
    for key in ("descriptions", "units", "scales", "offsets"):
        if key in given:
            values = given[key]
            setattr(target, key, [v or "" for v in values] if key == "units" else values)
    names = metadata.get("colorinterp") or default_colours(target.count, target.dtypes[0])
    colours = [ColorInterp[name] for name in names]
    if colours != list(target.colorinterp):
        target.colorinterp = colours


def select_bands(metadata: Metadata, bands: tuple[int, ...], count: int, dtype: str) -> Metadata:
    """The metadata of a selection of bands (0-based) from a dataset with `count` bands."""
    selected: dict[str, Any] = dict(metadata)
    for key in (*PER_BAND, "band_tags"):
        if key in selected:
            selected[key] = [selected[key][band] for band in bands]
    selected["tags"] = marks.of_bands(metadata.get("tags", {}), bands, count)
    colours = metadata.get("colorinterp") or default_colours(count, dtype)
    selected["colorinterp"] = _unless_default([colours[band] for band in bands], dtype)
    defaults: dict[str, object] = {"band_tags": {}, "descriptions": None, "units": None, "scales": 1.0, "offsets": 0.0}
    for key, default in defaults.items():
        selected[key] = _unless_all(selected.get(key, []), default)
    return _present(selected)


def crop_metadata(metadata: Metadata, col: int, row: int, width: int, height: int) -> Metadata:
    """The metadata of a window: georeference moved, statistics of the whole scene dropped."""
    cropped: dict[str, object] = dict(metadata)
    if "transform" in metadata:
        cropped["transform"] = list(Affine(*metadata["transform"]) * Affine.translation(col, row))[:6]
    if "gcps" in metadata:
        cropped["gcps"] = [[r - row, c - col, *rest] for r, c, *rest in metadata["gcps"]]
    if "rpcs" in metadata:
        rpcs = metadata["rpcs"]
        moved = {"LINE_OFF": float(rpcs["LINE_OFF"]) - row, "SAMP_OFF": float(rpcs["SAMP_OFF"]) - col}
        cropped["rpcs"] = rpcs | {key: repr(value) for key, value in moved.items()}
    cropped["tags"] = _geolocated(metadata, (col, row))
    if "band_tags" in metadata:
        band_tags = [_without_statistics(tags) for tags in metadata["band_tags"]]
        cropped["band_tags"] = band_tags if any(band_tags) else None
    return _present(cropped)


def _geolocated(metadata: Metadata, shift: tuple[int, int], factors: tuple[float, float] = (1.0, 1.0)) -> object:
    """The tags with the domain GEOLOCATION moved and scaled: pixel = OFFSET + STEP * index of a geolocation array."""
    tags = metadata.get("tags", {})
    found = tags.get("GEOLOCATION")
    if not found:
        return tags
    moved: dict[str, str] = {}
    for axis, start, factor in zip(("PIXEL", "LINE"), shift, factors, strict=True):
        try:
            offset, step = (float(found.get(f"{axis}_{key}", default)) for key, default in (("OFFSET", 0), ("STEP", 1)))
        except ValueError:
            return tags
        moved |= {f"{axis}_OFFSET": repr((offset - start) / factor), f"{axis}_STEP": repr(step / factor)}
    return tags | {"GEOLOCATION": found | moved}


def scale_metadata(metadata: Metadata, across: float, down: float) -> Metadata:
    """The metadata of a picture with the same corner and pixels `across` times as wide and `down` times as high."""
    scaled: dict[str, object] = dict(metadata)
    if "transform" in metadata:
        scaled["transform"] = list(Affine(*metadata["transform"]) * Affine.scale(across, down))[:6]
    if "gcps" in metadata:
        scaled["gcps"] = [[r / down, c / across, *rest] for r, c, *rest in metadata["gcps"]]
    if "rpcs" in metadata:
        # RPCs count from the centre of the first pixel.
        rpcs, moved, sizes = metadata["rpcs"], {}, {}
        for axis, factor in (("LINE", down), ("SAMP", across)):
            moved[f"{axis}_OFF"] = (float(rpcs[f"{axis}_OFF"]) + 0.5) / factor - 0.5
            if f"{axis}_SCALE" in rpcs:
                sizes[f"{axis}_SCALE"] = float(rpcs[f"{axis}_SCALE"]) / factor
        scaled["rpcs"] = rpcs | {key: repr(value) for key, value in (moved | sizes).items()}
    scaled["tags"] = _geolocated(metadata, (0, 0), (across, down))
    if "band_tags" in metadata:
        band_tags = [_without_statistics(tags) for tags in metadata["band_tags"]]
        scaled["band_tags"] = band_tags if any(band_tags) else None
    return _present(scaled)


def nodata_value(metadata: Metadata) -> float | None:
    """The nodata value as a number, or None."""
    return None if metadata.get("nodata") is None else float(metadata["nodata"])


def alpha_bands(metadata: Metadata) -> tuple[int, ...]:
    """Indices (0-based) of the alpha bands, which are stored losslessly."""
    return tuple(band for band, name in enumerate(metadata.get("colorinterp", [])) if name == "alpha")


def default_colours(count: int, dtype: str) -> list[str]:
    """The default colour interpretation: RGB for three uint8 bands, else none."""
    if count == 3 and dtype == "uint8":
        return ["red", "green", "blue"]
    return ["gray"] + ["undefined"] * (count - 1)


def description(width: int, height: int, bands: int, dtype: str, metadata: Metadata) -> dict[str, object]:
    """A dataset or a stream in the form that `differences` compares."""
    return {"width": width, "height": height, "bands": bands, "dtype": dtype, **metadata}


def not_kept(wanted: Metadata, found: Metadata) -> list[str]:
    """The keys of the metadata that differ in an image file. A format may add a mask, and tags of its own."""
    keys = wanted.keys() | found.keys() - {"masked", "tags", "band_tags"}
    return sorted(key for key in keys if not _holds(key, wanted.get(key), found.get(key)))


def _holds(key: str, wanted: Any, found: Any) -> bool:
    if key == "tags":
        return all(items.items() <= (found or {}).get(name, {}).items() for name, items in wanted.items())
    if key == "band_tags":
        return all(_holds("tags", *pair) for pair in zip(wanted, found or [{}] * len(wanted), strict=False))
    return _same(key, wanted, found)


def differences(
    a: Mapping[str, object], b: Mapping[str, object], names: tuple[str, str] = ("the one", "the other")
) -> list[str]:
    """One line for each difference between two descriptions, which it calls `names`; none if only pixels can differ."""
    return [
        f"{key}: {_short(a.get(key))} in {names[0]}, {_short(b.get(key))} in {names[1]}"
        for key in sorted(a.keys() | b.keys())
        if not _same(key, a.get(key), b.get(key))
    ]


def unwritable(metadata: Metadata, dtype: str) -> list[str]:
    """The keys whose value no image can hold: an unknown CRS, a nodata value that the pixel type cannot represent."""
    crs = {"crs": metadata.get("crs"), "gcps_crs": metadata.get("gcps_crs")}
    found = [key for key, text in crs.items() if not _is_crs(text)]
    nodata = nodata_value(metadata)
    holds = nodata is None or native(nodata, dtype) is not None or in_dtype_range(nodata, dtype)
    return found if holds else [*found, "nodata"]


def _is_crs(text: str | None) -> bool:
    try:
        parse_crs(text)
    except CRSError:
        return False
    return True


def parse_crs(text: str | None) -> CRS | None:
    """A CRS from a code or a definition. GDAL would open any other text as a file or URL."""
    if text is None:
        return None
    if not CRS_TEXT.match(text):
        raise CRSError(f"{text!r:.160} is neither a code, such as EPSG:4326, nor a definition, such as WKT")
    return CRS.from_user_input(text)


def _same(key: str, a: Any, b: Any) -> bool:
    if a == b:
        return True
    if a is None or b is None:
        return False
    if key in ("crs", "gcps_crs"):
        try:
            return _same_crs(parse_crs(a), parse_crs(b))
        except CRSError:
            return False
    if key == "nodata":
        return _same_numbers(a, b, 0)
    if key == "rpcs":
        return a.keys() == b.keys() and all(_same_numbers(a[name], b[name], RPC_TOLERANCE) for name in a)
    return False


def _same_crs(a: CRS, b: CRS) -> bool:
    """Whether two CRSs are the same. GDAL's own comparison ignores small differences of parameters and the names of
    units.
    """
    (units, numbers), (other_units, other_numbers) = _measures(a), _measures(b)
    return (
        a == b
        and units == other_units
        and len(numbers) == len(other_numbers)
        and all(
            kind == other and np.allclose(values, others, CRS_TOLERANCE, 0)
            for (kind, values), (other, others) in zip(numbers, other_numbers, strict=True)
        )
    )


def _measures(crs: CRS) -> tuple[set[str], list[tuple[str, list[float]]]]:
    """The names of the units of a CRS, and the sorted numbers of its ellipsoid, prime meridian and parameters."""
    text = _wkt(crs)
    numbers = [(kind, [float(value) for value in values.split(",")]) for kind, values in CRS_NUMBERS.findall(text)]
    return {unit.lower() for unit in CRS_UNITS.findall(text)}, sorted(numbers)


def _same_numbers(a: str, b: str, tolerance: float) -> bool:
    try:
        numbers, others = ([float(number) for number in text.split()] for text in (a, b))
        return np.allclose(numbers, others, tolerance, 0, equal_nan=True)
    except ValueError:
        return a == b


def _short(value: object) -> str:
    text = "nothing" if value is None else "yes" if value is True else repr(value)
    return text if len(text) <= 160 else text[:157] + "..."


def crs_text(crs: CRS | None) -> str | None:
    """AUTHORITY:CODE if that is exactly this CRS, else WKT2 (WKT1 if a CRS has no WKT2)."""
    if not crs:
        return None
    authority = crs.to_authority(confidence_threshold=100)
    if authority:
        try:
            if CRS.from_authority(*authority).to_wkt() == crs.to_wkt():
                return ":".join(authority)
        except CRSError:
            pass
    return _wkt(crs)


def _wkt(crs: CRS) -> str:
    try:
        return crs.to_wkt(version="WKT2_2019")
    except CRSError:
        return crs.to_wkt()


def _read_tags(source: DatasetReader, band: int = 0) -> Tags:
    names = ["", *(name for name in source.tag_namespaces(band) if name not in STORAGE_NAMESPACES)]
    tags = {name: _items(source, band, name) for name in names}
    if tags[""].get("AREA_OR_POINT") == "Area":  # the default of a TIFF
        del tags[""]["AREA_OR_POINT"]
    for name, items in tags.items():
        for key in RESERVED:
            if key in items:
                raise InputError(
                    f"{source.name} has a tag named {key}, which cannot be written again: give it another name"
                )
        for key in NOT_IN_TIFF.get(name, ()):
            items.pop(key, None)
    return {name: items for name, items in tags.items() if items}


def _items(source: DatasetReader, band: int, namespace: str) -> dict[str, str]:
    with _Undecoded() as undecoded:
        items = source.tags(band, ns=namespace or None) | dict(undecoded.items())
    if namespace.startswith(XML):
        items = {key: _without_declaration(text) for key, text in items.items()}
    return items


def _without_declaration(document: str) -> str:
    """The document without the declaration that `_write_tags` adds."""
    bare = document.removeprefix(DECLARATION)
    return document if "=" in bare else bare


class _Undecoded(Listener):
    """Collects the tags that are not UTF-8 while its block runs. rasterio only logs them."""

    def __init__(self) -> None:
        super().__init__("rasterio._base")

    def items(self) -> list[tuple[str, str]]:
        """The tags decoded as Latin-1, which is the most likely encoding and accepts every byte."""
        logged = [item for record in self.records if isinstance(record.args, tuple) for item in record.args]
        tags = [item.decode("latin-1") for item in logged if isinstance(item, bytes) and b"=" in item]
        return [(key, value) for key, _, value in (tag.partition("=") for tag in tags)]


def _read_rpcs(source: DatasetReader) -> dict[str, str]:
    rpcs = {key: _numbers(text) for key, text in source.tags(ns="RPC").items()}
    return rpcs if all(rpcs.get(key) for key in RPC_ORIGIN) else {}


def _numbers(text: str) -> str:
    """The numbers at the start of a text."""
    words = text.split()
    count = next((at for at, word in enumerate(words) if not is_number(word)), len(words))
    return text if count == len(words) else " ".join(words[:count])


def is_number(text: str) -> bool:
    """Whether a text is a number as the format defines it (SPEC.md, "Pixels"). Python's own floats have more forms."""
    return NUMBER.fullmatch(text) is not None


def _without_statistics(tags: Tags) -> Tags:
    kept = {
        namespace: {key: value for key, value in items.items() if not key.startswith("STATISTICS_")}
        for namespace, items in tags.items()
    }
    return {namespace: items for namespace, items in kept.items() if items}


def _write_tags(target: DatasetWriter, namespace: str, items: dict[str, str], band: int = 0) -> None:
    if namespace.startswith(XML):
        # rasterio joins key and value with "=". This namespace is a single document: split it at its first "=".
        document = items[namespace]
        key, _, value = (document if "=" in document else DECLARATION + document).partition("=")
        items = {key: value}
    target.update_tags(band, ns=namespace or None, **items)


def _unless_default(names: list[str], dtype: str) -> list[str] | None:
    """The names, or None if they are the default. Gray and undefined mean the same: a TIFF has gray for the first band
    and undefined for the others.
    """
    colourless = ("gray", "undefined")
    names = [colourless[i > 0] if name in colourless else name for i, name in enumerate(names)]
    return None if names == default_colours(len(names), dtype) else names


def _unless_all(values: Iterable[object], default: object) -> list | None:
    return None if all(value == default for value in values) else list(values)
