"""The reader of rio-tiler against rio-tiler's own reader of the decoded GeoTIFF, and behind titiler."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import rscodec
from rscodec.bitstreams.errors import InputError
from rscodec.synthetic.sample import synthesize

pytest.importorskip("rio_tiler")

from rio_tiler.constants import WGS84_CRS
from rio_tiler.errors import PointOutsideBounds, TileOutsideBounds
from rio_tiler.io import Reader

from rscodec.integrations import rio_tiler_reader
from rscodec.integrations.rio_tiler_reader import RscodecReader, factor_for

pytestmark = pytest.mark.filterwarnings("ignore:The dataset has no Overviews")


@pytest.fixture(scope="module", params=[("rgb", {}), ("deep", {"bands": 5, "dtype": "uint16", "nodata": 0})])
def pair(request, tmp_path_factory) -> tuple[Path, Path]:
    """A stream of 1200 x 900 pixels, and what it decodes to."""
    name, settings = request.param
    folder = tmp_path_factory.mktemp("tiles")
    pixels, metadata = synthesize((1200, 900), seed=7, **settings)
    rscodec.Scene(pixels, metadata=metadata).save(folder / f"{name}.tif")
    rscodec.encode_file(folder / f"{name}.tif", folder / f"{name}.bin", quality=4.0, threads=1)
    rscodec.decode_file(folder / f"{name}.bin", folder / "decoded.tif", threads=1)
    return folder / f"{name}.bin", folder / "decoded.tif"


def same(found, wanted, level: int = 1) -> None:
    assert found.array.shape == wanted.array.shape and found.array.dtype == wanted.array.dtype
    assert np.array_equal(np.ma.getmaskarray(found.array), np.ma.getmaskarray(wanted.array))
    assert np.abs(found.array.astype(float) - wanted.array.astype(float)).max() in (*range(level + 1), np.ma.masked)


def test_a_hundred_map_tiles_are_those_of_the_decoded_file(pair):
    stream, decoded = map(str, pair)
    random = np.random.default_rng(0)
    with RscodecReader(stream) as reader, Reader(decoded) as plain:
        assert reader.bounds == plain.bounds and reader.crs == plain.crs
        assert (reader.minzoom, reader.maxzoom) == (plain.minzoom, plain.maxzoom)
        west, south, east, north = reader.get_geographic_bounds(reader.tms.rasterio_geographic_crs)
        for number in range(100):
            zoom = reader.maxzoom + number % 4 - 1
            tile = reader.tms.tile(random.uniform(west, east), random.uniform(south, north), zoom)
            method = ("nearest", "bilinear", "cubic")[number % 3]
            settings = {"reproject_method": method, "resampling_method": method, "buffer": number % 2 or None}
            same(reader.tile(tile.x, tile.y, tile.z, **settings), plain.tile(tile.x, tile.y, tile.z, **settings))
        with pytest.raises(TileOutsideBounds):
            reader.tile(0, 0, zoom)


def test_coarse_tiles_are_averages(pair):
    """Close to what averages of the whole decode give; rio-tiler's own would take one pixel of many."""
    stream, decoded = map(str, pair)
    with RscodecReader(stream) as reader, Reader(decoded) as plain:
        west, south, east, north = reader.get_geographic_bounds(reader.tms.rasterio_geographic_crs)
        for zoom in range(reader.minzoom, reader.maxzoom - 1):
            tile = reader.tms.tile((west + east) / 2, (south + north) / 2, zoom)
            found = reader.tile(*tile)
            wanted = plain.tile(*tile, reproject_method="average", resampling_method="average")
            both = ~(np.ma.getmaskarray(found.array) | np.ma.getmaskarray(wanted.array))
            assert both.any()
            values = found.array.data[both].astype(float), wanted.array.data[both].astype(float)
            assert np.corrcoef(*values)[0, 1] > 0.8


def test_parts_previews_features_points_and_statistics(pair):
    stream, decoded = map(str, pair)
    with RscodecReader(stream) as reader, Reader(decoded) as plain:
        left, bottom, right, top = reader.bounds
        box = (left + 100.5, bottom + 200.25, left + 400, bottom + 450)
        same(reader.part(box, bounds_crs=reader.crs), plain.part(box, bounds_crs=plain.crs))
        same(
            reader.part(box, bounds_crs=reader.crs, max_size=200, indexes=(3, 1)),
            plain.part(box, bounds_crs=plain.crs, max_size=200, indexes=(3, 1)),
        )
        same(
            reader.part(box, bounds_crs=reader.crs, expression="b1+b2"),
            plain.part(box, bounds_crs=plain.crs, expression="b1+b2"),
            2,
        )
        ring = [(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[1])]
        shape = {"type": "Polygon", "coordinates": [ring]}
        same(reader.feature(shape, shape_crs=reader.crs), plain.feature(shape, shape_crs=plain.crs))
        same(reader.preview(max_size=1000), plain.preview(max_size=1000))
        assert reader.preview().array.shape == plain.preview().array.shape
        middle = (left + right) / 2 + 3.5, (bottom + top) / 2
        same(reader.point(*middle, coord_crs=reader.crs), plain.point(*middle, coord_crs=plain.crs))
        with pytest.raises(PointOutsideBounds):
            reader.point(left - 9, bottom, coord_crs=reader.crs)
        found, wanted = reader.statistics(), plain.statistics()
        assert found.keys() == wanted.keys()
        assert all(abs(found[band].mean - wanted[band].mean) < 0.05 * wanted[band].std for band in wanted)


def test_answers_have_the_size_of_those_of_the_decoded_file(pair):
    stream, decoded = map(str, pair)
    random = np.random.default_rng(1)
    with RscodecReader(stream) as reader, Reader(decoded) as plain:
        west, south, east, north = reader.get_geographic_bounds(WGS84_CRS)
        for number in range(16):
            (left, right), (bottom, top) = np.sort(random.uniform((west, south), (east, north), (2, 2)), 0).T
            size = int(random.integers(8, 64))
            settings = ({"max_size": size}, {"width": size}, {"height": size}, {"width": 9, "height": size})[number % 4]
            found, wanted = (one.part((left, bottom, right, top), **settings) for one in (reader, plain))
            assert found.array.shape == wanted.array.shape and np.allclose(found.bounds, wanted.bounds)
            settings = {"max_size": None, "dst_crs": (None, WGS84_CRS)[number // 4 % 2], **settings}
            found, wanted = (one.preview(**settings).array.shape for one in (reader, plain))
            assert found == wanted


@pytest.fixture(scope="module")
def turned(tmp_path_factory) -> tuple[Path, Path]:
    """A lossless stream of a scene that is rotated by 45 degrees against longitudes and latitudes, and the original."""
    folder = tmp_path_factory.mktemp("turned")
    pixels, metadata = synthesize((600, 500), seed=7)
    metadata |= {"crs": "EPSG:3413", "transform": [6.0, 0.0, 1.15e6, 0.0, -6.0, -1.15e6]}
    rscodec.Scene(pixels, metadata=metadata).save(folder / "scene.tif")
    rscodec.encode_file(folder / "scene.tif", folder / "scene.bin", max_error=0, threads=1)
    return folder / "scene.bin", folder / "scene.tif"


def test_a_rotated_scene_is_as_fine_as_rio_tiler_reads_it(turned):
    """The window around a rotated tile is larger than the tile, so the scene seems to be finer than it is."""
    stream, original = map(str, turned)
    with RscodecReader(stream) as reader, Reader(original) as plain:
        west, south, east, north = reader.get_geographic_bounds(WGS84_CRS)
        tile = reader.tms.tile((west + east) / 2, (south + north) / 2, 12)
        same(reader.tile(*tile), plain.tile(*tile), 0)
        left, bottom, right, top = reader.bounds
        box = (left + 600, bottom + 600, right - 600, top - 600)
        settings = {"bounds_crs": reader.crs, "dst_crs": WGS84_CRS}
        same(reader.part(box, **settings), plain.part(box, **settings), 0)


def test_a_scene_across_the_antimeridian_is_made_smaller(tmp_path, monkeypatch):
    """In longitudes, its pixels are far too large by rio-tiler's measure: the answer is small, so the work must be."""
    pixels, metadata = synthesize((640, 512), seed=7)
    metadata |= {"crs": "EPSG:32660", "transform": [10.0, 0.0, 733000.0, 0.0, -10.0, 5e6]}
    rscodec.Scene(pixels, metadata=metadata).save(tmp_path / "scene.tif")
    rscodec.encode_file(tmp_path / "scene.tif", tmp_path / "scene.bin", quality=2.0, threads=1)
    ratios = []
    monkeypatch.setattr(rio_tiler_reader, "factor_for", lambda ratio: ratios.append(ratio) or factor_for(ratio))
    with RscodecReader(str(tmp_path / "scene.bin")) as reader, Reader(str(tmp_path / "scene.tif")) as plain:
        box = (179.97, 45.06, 179.999, 45.11)
        assert reader.part(box).array.shape == plain.part(box).array.shape
    assert ratios[0] > 64


def test_info(pair):
    stream, decoded = map(str, pair)
    with RscodecReader(stream) as reader, Reader(decoded) as plain:
        found, wanted = reader.info().model_dump(), plain.info().model_dump()
    differing = {key for key in wanted if found[key] != wanted[key]}
    assert differing <= {"driver", "overviews", "band_metadata"} and found["driver"] == "rscodec"


@pytest.mark.parametrize("ratio, factor", [(0, 1), (0.2, 1), (1.9, 1), (2, 2), (31, 16), (32, 32)])
def test_the_factor(ratio, factor):
    assert factor_for(ratio) == factor


def test_a_scene_without_a_place_is_refused(tmp_path):
    (tmp_path / "a.bin").write_bytes(rscodec.encode(synthesize(80)[0], quality=2.0, threads=1))
    with pytest.raises(InputError, match="no CRS"):
        RscodecReader(str(tmp_path / "a.bin"))


def test_titiler_serves_tiles(pair, root):
    """The application of docs/guides/view.md, as it stands there."""
    pytest.importorskip("titiler.core")
    testclient = pytest.importorskip("fastapi.testclient")
    text = (root / "docs" / "guides" / "view.md").read_text(encoding="utf-8")
    code = next(block for block in text.split("```python\n")[1:] if "TilerFactory" in block).split("```")[0]
    names: dict = {}
    exec(code, names)
    client = testclient.TestClient(names["app"])
    stream, decoded = map(str, pair)
    with Reader(decoded) as plain:
        west, south, east, north = plain.get_geographic_bounds(plain.tms.rasterio_geographic_crs)
        x, y, z = plain.tms.tile((west + east) / 2, (south + north) / 2, plain.maxzoom)
        wanted = plain.tile(x, y, z, indexes=(1, 2, 3))
    query = {"url": stream, "bidx": [1, 2, 3]}
    answer = client.get(f"/tiles/WebMercatorQuad/{z}/{x}/{y}.npy", params=query)
    assert answer.status_code == 200, answer.text
    data = np.load(io.BytesIO(answer.content))
    assert np.abs(data[:3].astype(float) - wanted.array.data.astype(float)).max() <= 1
    assert client.get("/info", params={"url": stream}).json()["width"] == 1200
    assert client.get("/WebMercatorQuad/tilejson.json", params={"url": stream}).json()["maxzoom"] == z
