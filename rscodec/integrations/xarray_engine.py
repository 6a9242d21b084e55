"""Opens streams as lazy xarray datasets.

    xr.open_dataset("scene.bin", chunks={})             engine="rscodec" for a URL
      band_data (band, y, x)    pixels, decoded window by window on demand; a chunk is a quarter of a tile
      band, x, y                names of the bands if the stream names all of them, centres of the pixels
      spatial_ref               CRS and geotransform, where rioxarray looks for them

With mask_and_scale=True, every invalid pixel is NaN (nodata, NaN or masked), and scales and offsets are applied. A
stream with a largest error is decoded by whole tiles, so there a chunk is a tile.
"""

from __future__ import annotations

import os

import numpy as np
import xarray as xr
from xarray.backends import BackendArray, BackendEntrypoint, CachingFileManager
from xarray.core import indexing

import rscodec
from rscodec.bitstreams.limits import MAX_PIXELS_IN_MEMORY
from rscodec.bitstreams.wire import MAGIC
from rscodec.open_scene import OpenScene
from rscodec.raster.data_array import GRID_SIZE
from rscodec.raster.metadata import nodata_value, parse_crs
from rscodec.raster.reader import is_stream
from rscodec.raster.validity import native
from rscodec.stream.remote import is_url

DIMS = ("band", "y", "x")
NAME, GRID_MAPPING = "band_data", "spatial_ref"
CHUNKS_PER_TILE = 2  # along an edge: dask always reads whole chunks


class RscodecBackend(BackendEntrypoint):
    """The engine `rscodec`."""

    description = "Streams of rscodec, local or remote, read window by window"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "mask_and_scale", "weights", "device", "max_pixels")

    def guess_can_open(self, filename_or_obj) -> bool:
        """Whether this is a local stream. Remote ones need engine="rscodec": looking at them costs a request."""
        if isinstance(filename_or_obj, (str, os.PathLike)):
            return not is_url(filename_or_obj) and is_stream(filename_or_obj)
        if not (hasattr(filename_or_obj, "read") and hasattr(filename_or_obj, "seek")):
            return False
        at = filename_or_obj.tell()
        filename_or_obj.seek(0)
        begins = filename_or_obj.read(len(MAGIC)) == MAGIC
        filename_or_obj.seek(at)
        return begins

    def open_dataset(
        self,
        filename_or_obj,
        *,
        drop_variables=None,
        mask_and_scale=False,
        weights=None,
        device="cpu",
        max_pixels=MAX_PIXELS_IN_MEMORY,
    ):
        source = absolute(filename_or_obj)
        options = {"weights": absolute(weights), "device": device, "max_pixels": max_pixels}
        files = CachingFileManager(open_source, source, mode="r", kwargs=options)
        scene = files.acquire()
        pixels = xr.Variable(DIMS, indexing.LazilyIndexedArray(ScenePixels(files, scene, mask_and_scale)))
        attributes, encoding = describe(scene, mask_and_scale)
        tags = dict(scene.metadata.get("tags", {}).get("", {}))
        pixels.attrs, pixels.encoding = tags | attributes, encoding | {"source": str(source)}
        dataset = xr.Dataset({NAME: pixels}, coordinates(scene), tags)
        dataset = dataset.drop_vars(drop_variables or [], errors="ignore")
        dataset.set_close(files.close)
        return dataset


def absolute(source):
    """A local path as an absolute one, for processes with another working directory. Everything else stays."""
    return os.path.abspath(source) if isinstance(source, (str, os.PathLike)) and not is_url(source) else source


def open_source(source, *, mode: str, **options) -> OpenScene:
    """rscodec.open with the `mode` that CachingFileManager passes in another process, even if it is given none."""
    return rscodec.open(source, **options)


class ScenePixels(BackendArray):
    """The pixels of an open stream. It can be pickled: the other process opens the stream again."""

    def __init__(self, files: CachingFileManager, scene: OpenScene, masked: bool):
        header = scene.header
        self._files, self._masked = files, masked
        self.shape = header.bands, header.height, header.width
        self.dtype = np.dtype(header.dtype)
        if masked and np.issubdtype(self.dtype, np.integer):  # float32 would round the sum of a value and an offset
            self.dtype = np.dtype(np.float64 if any(scene.metadata.get("offsets") or ()) else np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[int | slice, ...]) -> np.ndarray:
        """Read slices and integers: decode the window around them, then apply the steps of slices."""
        bands, rows, cols = (
            range(size)[part] if isinstance(part, slice) else range(part, part + 1)
            for part, size in zip(key, self.shape, strict=True)
        )
        if bands and rows and cols:
            window = cols[0], rows[0], cols[-1] - cols[0] + 1, rows[-1] - rows[0] + 1
            pixels = self._decode(window, tuple(band + 1 for band in bands))[:, :: rows.step, :: cols.step]
        else:
            pixels = np.empty((len(bands), len(rows), len(cols)), self.dtype)
        return pixels[tuple(slice(None) if isinstance(part, slice) else 0 for part in key)]

    def _decode(self, window: tuple[int, int, int, int], bands: tuple[int, ...]) -> np.ndarray:
        part = self._files.acquire().read(window, bands)
        if not self._masked:
            return part.pixels
        scales = part.metadata.get("scales", [1.0] * len(bands))
        offsets = part.metadata.get("offsets", [0.0] * len(bands))
        pixels = part.pixels.astype(self.dtype)
        for band, scale, offset in zip(pixels, scales, offsets, strict=True):
            band *= scale
            band += offset
        pixels[~part.mask] = np.nan
        return pixels


def coordinates(scene: OpenScene) -> dict[str, xr.Variable]:
    """Names of the bands, centres of the pixels (of a rotated grid its size instead), CRS and geotransform."""
    header, metadata = scene.header, scene.metadata
    names = metadata.get("descriptions", [])
    named = len(set(names)) == header.bands and None not in names
    a, b, c, d, e, f = metadata.get("transform", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    rotated = bool(b or d)
    place = {"GeoTransform": f"{c} {a} {b} {f} {d} {e}"}
    if rotated:
        place[GRID_SIZE] = f"{header.width} x {header.height}"
    if "crs" in metadata:
        wkt = parse_crs(metadata["crs"]).to_wkt()
        place |= {"crs_wkt": wkt, "spatial_ref": wkt}
    found = {
        "band": xr.Variable("band", names if named else np.arange(1, header.bands + 1)),
        GRID_MAPPING: xr.Variable((), 0, place),
    }
    if not rotated:
        found["x"] = xr.Variable("x", c + a * (np.arange(header.width) + 0.5))
        found["y"] = xr.Variable("y", f + e * (np.arange(header.height) + 0.5))
    return found


def describe(scene: OpenScene, masked: bool) -> tuple[dict, dict]:
    """Attributes and encoding of the pixels. Values that were applied go to the encoding, others to the attributes.

    Saved by xarray, masked pixels become integers again, with one scale and offset and `_FillValue` for NaN. Where that
    would change values, the encoding has none of these, and xarray saves floats.
    """
    header, metadata = scene.header, scene.metadata
    attributes, radiometry = {}, {}
    nodata = native(nodata_value(metadata), header.dtype)
    if nodata is not None:
        radiometry["_FillValue"] = nodata
    for key, name in (("scales", "scale_factor"), ("offsets", "add_offset")):
        values = metadata.get(key, [])
        if len(set(values)) == 1:
            radiometry[name] = values[0]
        elif values:
            radiometry[key] = tuple(values)
    if "descriptions" in metadata:
        attributes["long_name"] = tuple(name or "" for name in metadata["descriptions"])
    if "units" in metadata:
        attributes["units"] = tuple(unit or "" for unit in metadata["units"])
    edge = header.tile if header.bounded else header.tile // CHUNKS_PER_TILE
    chunks = {"band": header.bands, "y": min(edge, header.height), "x": min(edge, header.width)}
    encoding = {"preferred_chunks": chunks, "grid_mapping": GRID_MAPPING}
    stored = {"dtype": np.dtype(header.dtype)}
    if not masked:
        return attributes | radiometry, encoding | stored
    needs_fill = "masked" in metadata and stored["dtype"].kind != "f"
    fits = not radiometry.keys() & {"scales", "offsets"} and (nodata is not None or not needs_fill)
    return attributes, encoding | stored | radiometry if fits else encoding
