"""Turns DataArrays of xarray, with the metadata that rioxarray keeps in them, into scenes. Does not import xarray."""

from __future__ import annotations

from functools import partial
from numbers import Real
from typing import Any, cast

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.raster.georeference import crs_from
from rscodec.raster.metadata import Metadata
from rscodec.raster.scene import Scene

ROWS, COLUMNS = ("y", "lat", "latitude"), ("x", "lon", "longitude")
GRID_SIZE = "grid_size"  # columns and rows of a rotated grid, which has no coordinates of pixel centres
PLACES = ("spatial_ref", "crs")  # coordinates that hold the CRS and the geotransform, unless grid_mapping names one
NODATA = ("_FillValue", "missing_value", "fill_value", "nodata")  # attributes that hold the nodata value
# Attributes that a scene keeps in another place.
NO_TAGS = ("long_name", "units", "grid_mapping", "scale_factor", "add_offset", "scales", "offsets", *NODATA)
IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
EVEN = 1e-3  # of a pixel: smaller deviations from even spacing do not count


def is_data_array(value: object) -> bool:
    """Whether this is a DataArray or a Dataset of xarray."""
    return all(hasattr(value, name) for name in ("dims", "coords", "attrs", "encoding"))


def scene_of(array: Any) -> Scene:
    """The scene in a DataArray with the dimensions y and x (or latitude and longitude) and, if there are bands, one
    more; or in a Dataset with one such variable.
    """
    if hasattr(array, "data_vars"):
        array = _only_variable(array)
    rows, columns = (_dimension(array, names) for names in (ROWS, COLUMNS))
    bands = [str(name) for name in array.dims if name not in (rows, columns)]
    if len(bands) > 1:
        raise InputError(f"the array has the dimensions {', '.join(map(str, array.dims))}; select one of {bands[0]}")
    ordered = array.transpose(*bands, rows, columns)
    pixels = np.asarray(ordered.values)
    pixels = pixels if bands else pixels[None]
    return Scene(pixels, metadata=_metadata(ordered, (rows, columns), bands, pixels))


def _only_variable(dataset: Any) -> Any:
    names = [name for name, variable in dataset.data_vars.items() if variable.ndim >= 2]
    if len(names) != 1:
        raise InputError(f"the dataset has the variables {', '.join(map(str, names)) or 'none'}; give one of them")
    place = _grid_mapping(dataset[names[0]])
    array = (dataset.set_coords(place) if place in dataset.data_vars else dataset)[names[0]]
    return array.assign_attrs({**dataset.attrs, **array.attrs})


def _grid_mapping(array: Any) -> str | None:
    """The name of the variable that holds the CRS."""
    return array.encoding.get("grid_mapping", array.attrs.get("grid_mapping"))


def _dimension(array: Any, names: tuple[str, ...]) -> str:
    for name in names:
        if name in array.dims:
            return name
    raise InputError(
        f"the array has the dimensions {', '.join(map(str, array.dims))}, none of them {' or '.join(names)}"
    )


def _metadata(array: Any, axes: tuple[str, str], bands: list[str], pixels: np.ndarray) -> Metadata:
    """What the attributes, coordinates and encoding of an array say about it."""
    places = (_grid_mapping(array), *PLACES)
    place = next((dict(array.coords[name].attrs) for name in places if name in array.coords), {})
    labels = _labels(array, bands)
    of_bands = partial(_of_bands, array, places=_places(array, labels, len(pixels)))
    names = labels if labels and all(isinstance(label, str) for label in labels) else None
    found: dict[str, Any] = {
        "crs": _crs(place),
        "transform": _transform(array, place, *axes),
        "nodata": _nodata(array, pixels),
        "descriptions": names or of_bands("long_name"),
        "units": of_bands("units"),
    }
    for key, own, default in (("scale_factor", "scales", 1.0), ("add_offset", "offsets", 0.0)):
        values = [default if value is None else float(value) for value in of_bands(key) or of_bands(own) or []]
        found[own] = values if any(value != default for value in values) else None
    tags = {
        key: str(value) for key, value in array.attrs.items() if isinstance(value, (str, Real)) and key not in NO_TAGS
    }
    if tags.get("AREA_OR_POINT") == "Area":  # the default of a TIFF
        del tags["AREA_OR_POINT"]
    found["tags"] = {"": tags} if tags else None
    if found["transform"] == IDENTITY and not found["crs"]:  # what stands for no georeference
        del found["transform"]
    return cast(Metadata, {key: value for key, value in found.items() if value})


def _crs(place: dict[str, Any]) -> str | None:
    return crs_from(place.get("crs_wkt") or place.get("spatial_ref"), "the array")


def _nodata(array: Any, pixels: np.ndarray) -> str | None:
    """The nodata value as text. For floats the encoding does not count: there, invalid pixels are NaN already."""
    if not np.issubdtype(pixels.dtype, np.integer) and "_FillValue" in array.encoding:
        return None
    found = [
        value for place in (array.attrs, array.encoding) for key in NODATA if (value := place.get(key)) is not None
    ]
    if not found:
        return None
    try:
        return repr(float(np.asarray(found[0]).item()))
    except (TypeError, ValueError):
        raise InputError(f"the array has the nodata value {found[0]!r:.80}, which is not one number") from None


def _labels(array: Any, bands: list[str]) -> list:
    """The coordinate of the bands, or of the single band that was selected; empty if there is none."""
    name = bands[0] if bands else "band"
    return np.atleast_1d(array.coords[name].values).tolist() if name in array.coords else []


def _places(array: Any, labels: list, count: int) -> list[int]:
    """The places of the bands in attributes of all bands: selecting bands changes the coordinate, not the attributes.
    The labels are the names of the attribute `long_name`, or numbers from 1.
    """
    names = array.attrs.get("long_name")
    if labels and isinstance(names, (tuple, list)) and all(label in names for label in labels):
        return [list(names).index(label) for label in labels]
    if labels and all(isinstance(label, int) and label > 0 for label in labels):
        return [label - 1 for label in labels]
    return list(range(count))


def _of_bands(array: Any, key: str, places: list[int]) -> list | None:
    """The items of an attribute at these places; a single item is that of all bands."""
    value = array.attrs.get(key)
    if not isinstance(value, (tuple, list)):
        values = [value] * len(places)
    else:
        values = [item or None for item in value]
        if max(places) < len(values):
            values = [values[place] for place in places]
    return values if len(values) == len(places) and any(item is not None for item in values) else None


def _transform(array: Any, place: dict[str, Any], rows: str, columns: str) -> list[float] | None:
    """The geotransform. The coordinates of pixel centres take precedence over the text that rioxarray and rscodec
    write, because slicing the array changes only them. Where both agree, the text is used, because it is exact.
    """
    written = None
    if "GeoTransform" in place:
        c, a, b, f, d, e = map(float, str(place["GeoTransform"]).split())
        written = [a, b, c, d, e, f]
    across = _axis(array, columns, written[0] if written else None)
    down = _axis(array, rows, written[4] if written else None)
    if across is None or down is None:
        size = f"{array.sizes[columns]} x {array.sizes[rows]}"
        if written and place.get(GRID_SIZE, size) != size:
            raise InputError(
                f"the array has {size} pixels and comes from a rotated grid of {place[GRID_SIZE]}, so its place is not "
                "known; read a part with rscodec.open(...).read(window)"
            )
        return None if columns in array.coords or rows in array.coords else written
    (a, c), (e, f) = across, down
    found = [a, 0.0, c, 0.0, e, f]
    pixel = np.array([a, a, a, e, e, e])
    agree = written is not None and bool((np.abs(np.subtract(found, written)) < EVEN * np.abs(pixel)).all())
    return written if agree else found


def _axis(array: Any, name: str, step: float | None) -> tuple[float, float] | None:
    """The step and the start of evenly spaced coordinates; None if there are none. `step`: that of a single pixel."""
    if name not in array.coords:
        return None
    given = array.coords[name].values
    values = np.asarray(given, np.float64)
    if len(values) > 1:
        step = float(values[-1] - values[0]) / (len(values) - 1)
    rounding = float(np.spacing(np.abs(given).max())) if given.dtype.kind == "f" else 0.0
    if not step or np.abs(values - values[0] - step * np.arange(len(values))).max() > EVEN * abs(step) + rounding:
        return None
    return step, float(values[0] - step / 2)
