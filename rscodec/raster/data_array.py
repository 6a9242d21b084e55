"""DataArrays of xarray as scenes, with what rioxarray keeps about them. Works without importing xarray."""

from __future__ import annotations

from typing import Any

import numpy as np

from rscodec.bitstreams.errors import InputError
from rscodec.raster.metadata import Metadata, crs_text, parse_crs
from rscodec.raster.scene import Scene

ROWS, COLUMNS = ("y", "lat", "latitude"), ("x", "lon", "longitude")
PLACES = ("spatial_ref", "crs")  # coordinates that hold the CRS and the geotransform
OWN_KEYS = {"scale_factor": "scales", "add_offset": "offsets", "units": "units", "long_name": "descriptions"}
EVEN = 1e-3  # of a pixel


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
    return dataset[names[0]]


def _dimension(array: Any, names: tuple[str, ...]) -> str:
    for name in names:
        if name in array.dims:
            return name
    raise InputError(
        f"the array has the dimensions {', '.join(map(str, array.dims))}, none of them {' or '.join(names)}"
    )


def _metadata(array: Any, axes: tuple[str, str], bands: list[str], pixels: np.ndarray) -> Metadata:
    count, metadata = len(pixels), Metadata()
    place = next((dict(array.coords[name].attrs) for name in PLACES if name in array.coords), {})
    wkt = place.get("crs_wkt") or place.get("spatial_ref")
    text = crs_text(parse_crs(wkt)) if wkt else None
    transform = _transform(array, place, *axes)
    integer = np.issubdtype(pixels.dtype, np.integer)
    nodata = array.attrs.get("_FillValue", array.encoding.get("_FillValue") if integer else None)
    found: dict[str, Any] = {
        "crs": text,
        "transform": transform,
        "nodata": None if nodata is None else repr(float(nodata)),
    }
    for key, own in OWN_KEYS.items():
        value = array.attrs.get(key)
        values = list(value) if isinstance(value, (tuple, list)) else [value] * count
        if value is not None and len(values) == count:
            found[own] = (
                [item or None for item in values] if own in ("units", "descriptions") else list(map(float, values))
            )
    if bands and "descriptions" not in found and bands[0] in array.coords:
        names = array.coords[bands[0]].values.tolist()
        found["descriptions"] = names if all(isinstance(name, str) for name in names) else None
    tags = {key: value for key, value in array.attrs.items() if isinstance(value, str) and key not in OWN_KEYS}
    found["tags"] = {"": tags} if tags else None
    metadata.update({key: value for key, value in found.items() if value})  # type: ignore[typeddict-item]
    return metadata


def _transform(array: Any, place: dict[str, Any], rows: str, columns: str) -> list[float] | None:
    """The geotransform. Coordinates of pixel centres come first, because slices of the array change them; the text that
    rioxarray and rscodec write is exact where they agree.
    """
    written = None
    if "GeoTransform" in place:
        c, a, b, f, d, e = map(float, str(place["GeoTransform"]).split())
        written = [a, b, c, d, e, f]
    across = _axis(array, columns, written[0] if written else None)
    down = _axis(array, rows, written[4] if written else None)
    if across is None or down is None:
        return written
    (a, c), (e, f) = across, down
    found = [a, 0.0, c, 0.0, e, f]
    pixel = np.array([a, a, a, e, e, e])
    agree = written is not None and bool((np.abs(np.subtract(found, written)) < EVEN * np.abs(pixel)).all())
    return written if agree else found


def _axis(array: Any, name: str, step: float | None) -> tuple[float, float] | None:
    """The step and the start of evenly spaced coordinates; None if there are none. `step`: that of a single pixel."""
    if name not in array.coords:
        return None
    values = np.asarray(array.coords[name].values, np.float64)
    if len(values) > 1:
        step = float(values[-1] - values[0]) / (len(values) - 1)
    if not step or np.abs(values - values[0] - step * np.arange(len(values))).max() > EVEN * abs(step):
        return None
    return step, float(values[0] - step / 2)
