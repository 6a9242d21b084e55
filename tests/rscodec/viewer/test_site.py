"""What the page may ask for, and what it is told."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

import rscodec
from rscodec.bitstreams.errors import InputError, MissingWeights, NotAStream, Truncated
from rscodec.models.weights import shipped
from rscodec.viewer.original import Original
from rscodec.viewer.site import DECODER, PAGE, Site
from tests.helpers.site import serving
from tests.helpers.sizes import SHIPPED


def told(site: Site) -> dict:
    asset = site.find("viewer.json")
    return json.loads(asset.read(0, asset.size))


def data_of(site: Site, path: str) -> bytes:
    asset = site.find(path)
    return asset.read(0, asset.size)


def test_a_stream_its_weights_and_the_decoder(scenes):
    site = Site(scenes / "rgb.bin")
    (stream,) = told(site)["streams"]
    assert (stream["name"], stream["width"], stream["height"], stream["bands"]) == ("rgb.bin", 640, 600, 3)
    assert data_of(site, stream["path"]) == (scenes / "rgb.bin").read_bytes()
    assert data_of(site, stream["weights"]) == shipped(SHIPPED).read_bytes()
    assert data_of(site, "") == data_of(site, "index.html") == (PAGE / "index.html").read_bytes()
    assert data_of(site, "decoder/rscodec.js") == (DECODER / "rscodec.js").read_bytes()


@pytest.mark.parametrize("path", [
    "../pyproject.toml", "page/../site.py", "decoder/decode.mjs", "page/", "streams/1.bin", "original/1/0/0.bin",
    "weights/rsc-s-2-0000000000000000.safetensors", "weights/e2diff-1-f582294ae8eecd9c.safetensors", "/etc/passwd",
])  # fmt: skip
def test_nothing_else_is_there(scenes, path):
    assert Site(scenes / "rgb.bin").find(path) is None


def test_weights_of_a_file_that_is_dropped_onto_the_page(scenes):
    site = Site(scenes / "rgb.bin", weights=shipped("rsc-s-2"))
    assert data_of(site, "weights/rsc-s-2-e97bae7ec15b0f16.safetensors") == shipped("rsc-s-2").read_bytes()
    assert "weights/rsc-s-2-e97bae7ec15b0f16.safetensors" not in set(site.paths())


def test_every_module_that_the_page_imports_is_served(scenes):
    site = Site(scenes / "rgb.bin")
    for path in [path for path in site.paths() if path.endswith(".js")]:
        for module in re.findall(r'from "(\.[^"]+)"', data_of(site, path).decode()):
            assert site.find((Path("/") / path).parent.joinpath(module).resolve().relative_to("/").as_posix()), module


def test_nothing_is_loaded_from_elsewhere():
    for path in [*PAGE.iterdir(), *DECODER.glob("*.js")]:
        assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", path.read_text(encoding="utf-8")), path.name


def test_a_folder_lists_its_streams_and_says_what_is_wrong_with_them(scenes, tmp_path):
    for name in ("ten.bin", "rgb.tif"):
        shutil.copy(scenes / name, tmp_path)
    (tmp_path / "cut.bin").write_bytes((scenes / "rgb.bin").read_bytes()[:50])
    cut, ten = told(Site(tmp_path))["streams"]
    assert cut["name"] == "cut.bin" and cut["error"].startswith("Truncated: the stream ends")
    assert ten["name"] == "ten.bin" and ten["bands"] == 10
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no stream in it"):
        Site(tmp_path / "empty")


def test_what_cannot_be_shown_is_refused_by_name(scenes, tmp_path):
    with pytest.raises(NotAStream):
        Site(scenes / "rgb.tif")
    (tmp_path / "cut.bin").write_bytes((scenes / "rgb.bin").read_bytes()[:50])
    with pytest.raises(Truncated):
        Site(tmp_path / "cut.bin")
    vectors = Path(rscodec.bitstreams.__file__).parent / "vectors" / "v1" / "passed" / "001_plain_rgb" / "stream.bin"
    data = vectors.read_bytes()
    (tmp_path / "other.bin").write_bytes(data)
    with pytest.raises(MissingWeights, match="vec-1 with hash"):
        Site(tmp_path / "other.bin")
    with pytest.raises(InputError, match="do not match"):
        rscodec.Scene(np.zeros((3, 9, 9), np.uint8)).save(tmp_path / "small.tif")
        Site(scenes / "rgb.bin", tmp_path / "small.tif")


def test_an_original_whose_metadata_json_does_not_have(scenes, tmp_path):
    shutil.copy(scenes / "rgb.tif", tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif", "r+") as target:
        target.scales, target.offsets = (np.nan, 1, 2), (np.inf, 0, -np.inf)
    metadata = told(Site(scenes / "rgb.bin", tmp_path / "a.tif"))["against"]["metadata"]
    assert (metadata["scales"], metadata["offsets"]) == (["NaN", 1, 2], ["Infinity", 0, "-Infinity"])


def test_another_stream_to_compare_with(scenes):
    assert told(Site(scenes / "rgb.bin", scenes / "ten.bin"))["against"]["path"] == "streams/1.bin"


def test_a_signature_of_a_url_stays_out_of_the_page(scenes):
    pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    with serving() as remote:
        remote.files["/a%20b.bin"] = (scenes / "rgb.bin").read_bytes()
        site = Site(f"{remote.address}/a%20b.bin?signature=secret/1")
        assert told(site)["streams"][0]["name"] == "a b.bin"
        remote.files.clear()
        with pytest.raises(InputError, match=r"cannot read http.*/a%20b\.bin: ") as caught:
            data_of(site, "streams/0.bin")
    assert "secret" not in str(caught.value) and b"secret" not in data_of(site, "viewer.json")


def test_the_nodata_value_of_the_stream_counts_for_the_original(tmp_path):
    pixels = np.ones((1, 80, 80), np.float32)
    pixels[0, :20] = np.inf
    shape = {"width": 80, "height": 80, "count": 1, "dtype": "float32", "transform": rasterio.Affine.scale(9)}
    with rasterio.open(tmp_path / "a.tif", "w", **shape) as target:
        target.write(pixels)
    rscodec.encode_file(tmp_path / "a.tif", tmp_path / "a.bin", quality=2.0, nodata=np.inf, threads=1)
    site = Site(tmp_path / "a.bin", tmp_path / "a.tif")
    block = data_of(site, "original/1/0/0.bin")
    assert np.array_equal(np.frombuffer(block[:-6400], np.float32), pixels.ravel())
    assert np.array_equal(np.frombuffer(block[-6400:], np.uint8), np.isinf(pixels).ravel())


def test_an_original_that_cannot_hold_the_nodata_value_of_the_stream_is_shown(tmp_path):
    rscodec.Scene(np.full((1, 8, 8), 7, np.uint8)).save(tmp_path / "a.tif")
    original = Original(tmp_path / "a.tif", nodata=65535.0)
    assert original.describe()["dtype"] == "uint8"
    original.close()
