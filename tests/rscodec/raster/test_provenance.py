"""Tags say which pixels are generated, and by how many models one after the other."""

from __future__ import annotations

import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.raster.provenance import marked, raster_crc32, refuse_synthetic, synthetic

MEASURED = {"crs": "EPSG:32633", "tags": {"": {"mission": "x"}, "RPC": {"a": "b"}}}


def test_a_mark_adds_tags_and_keeps_the_others():
    found = marked(MEASURED, [1, 3], {"model": "dreamer-1", "seed": 0})
    assert found["crs"] == "EPSG:32633" and found["tags"]["RPC"] == {"a": "b"}
    assert found["tags"][""] == {
        "mission": "x",
        "synthetic": "yes",
        "synthetic_bands": "1,3",
        "synthetic_model": "dreamer-1",
        "synthetic_seed": "0",
    }
    assert synthetic(MEASURED) == {} and synthetic(found).keys() == found["tags"][""].keys() - {"mission"}
    assert MEASURED["tags"][""] == {"mission": "x"}


def test_marks_of_earlier_models_stay():
    metadata = MEASURED
    for model in ("first", "second", "third"):
        metadata = marked(metadata, [1], {"model": model})
    models = {name: value for name, value in synthetic(metadata).items() if name.endswith("_model")}
    assert models == {
        "synthetic_model": "third",
        "synthetic_before_model": "second",
        "synthetic_before_before_model": "first",
    }


def test_generated_pixels_are_refused_by_name():
    refuse_synthetic(MEASURED, "a.tif")
    generated = marked(MEASURED, [2], {"model": "dreamer-1"})
    with pytest.raises(InputError, match="a.tif is generated .bands 2 by dreamer-1.*: give the original$"):
        refuse_synthetic(generated, "a.tif")
    with pytest.raises(InputError, match="not measured: draw it$"):
        refuse_synthetic(generated, "a.tif", "draw it")


def test_a_checksum_needs_a_file(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"123456789")
    assert raster_crc32(tmp_path / "a.tif") == "cbf43926"
    with pytest.raises(InputError, match="https://x/a.tif is no file here"):
        raster_crc32("https://x/a.tif")
