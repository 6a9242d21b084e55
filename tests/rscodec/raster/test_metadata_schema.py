"""The form of metadata: what a scene has passes, what nobody writes is refused by the name of its key."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rscodec.bitstreams.errors import InputError, MetadataDamaged
from rscodec.raster.metadata import Metadata
from rscodec.raster.metadata_schema import FORMS, check_metadata, image_metadata, stream_metadata

LEGAL = {
    "crs": "EPSG:32633",
    "transform": [0.1, 0, 500000.3, 0.0, -0.1, 5000000.7],
    "gcps": [[0.5, 1.5, 10.25, 50.5, 3.0, "1", ""]],
    "gcps_crs": "EPSG:4326",
    "rpcs": {"LINE_OFF": "100.5", "SAMP_OFF": "200", "LINE_NUM_COEFF": "1 0.1 2e-05"},
    "nodata": "nan",
    "tags": {"": {"A": "1"}, "xml:XMP": {"xml:XMP": '<a b="c"/>'}},
    "band_tags": [{}, {"": {"STATISTICS_MEAN": "4"}}],
    "descriptions": [None, "green"],
    "units": ["m", None],
    "scales": [0.1, 1],
    "offsets": [0.0, -0.1],
    "colorinterp": ["red", "alpha"],
    "masked": True,
}
ILLEGAL = {
    "crs": [None, 4326, "EPSG:32633\0"],
    "transform": [[1, 2, 3, 4, 5], [0.0] * 5 + ["1"], [0.0] * 5 + [10**400], [0.0] * 5 + [float("nan")], {}],
    "gcps": [[[0, 0, 0, 0, 0, "1"]], [[0, 0, 0, "0", 0, "", ""]], [1], "gcps"],
    "gcps_crs": [[]],
    "rpcs": [
        {"LINE_OFF": "0", "SAMP_OFF": "0", "ns": "x"},
        {"LINE_OFF": "0", "SAMP_OFF": "0", "bidx": "1"},
        {"LINE_OFF": "1"},
        {"LINE_OFF": "x", "SAMP_OFF": "1"},
        {"LINE_OFF": 1, "SAMP_OFF": 1},
        [],
        {"LINE_OFF": "1", "SAMP_OFF": "1", "SAMP_SCALE": "x"},
    ],
    "nodata": ["0.--", 0, None, [1]],
    "tags": [
        {"": {"A": 1}},
        {"": "A"},
        {"NS": {"bidx": "1"}},
        [],
        {"xml:XMP": {"a": "b"}},
        {"xml:XMP": {}},
        {"xml:XMP": {"xml:XMP": "ns=<a/>"}},
        {"xml:XMP": {"xml:XMP": "bidx=1"}},
        {"xml:XMP": {"xml:XMP": "a=b", "c": "d"}},
        {"": {"A": "\ud800"}},
        {"": {"\ud800": "A"}},
        {"\udfff": {}},
        {"": {"A": "1\0002"}},
        {"": {"A\0": "1"}},
    ],
    "band_tags": [[{}], [{}, {"": 1}], {}],
    "descriptions": [["red"], [1, None], "ab"],
    "units": [[1, 2]],
    "scales": [[1.0], ["1", "1"], [True, 1.0], [None, 1.0]],
    "offsets": [[1.0, None]],
    "colorinterp": [["red", "purple"], ["red", 3], "ab"],
    "masked": [1, False, "yes"],
}


def reader(metadata: dict, dtype: str = "float32"):
    return SimpleNamespace(metadata=metadata, header=SimpleNamespace(bands=2, dtype=dtype))


def test_what_a_scene_has_passes_and_unknown_keys_are_kept():
    assert set(LEGAL) == set(ILLEGAL) == set(FORMS) == set(Metadata.__annotations__)
    metadata = LEGAL | {"from_the_future": [1]}
    assert stream_metadata(reader(metadata)) == metadata
    assert stream_metadata(reader({})) == {}


@pytest.mark.parametrize("key, value", [(key, value) for key, values in ILLEGAL.items() for value in values])
def test_what_no_scene_has_is_refused(key: str, value):
    with pytest.raises(MetadataDamaged, match=key):
        stream_metadata(reader(LEGAL | {key: value}))
    with pytest.raises(InputError, match=f"impossible {key}"):
        check_metadata(LEGAL | {key: value}, 2)


@pytest.mark.parametrize("dtype, nodata", [
    ("uint8", "300.5"), ("uint8", "-9999.0"), ("uint8", "nan"), ("int16", "1e300"),
])  # fmt: skip
def test_nodata_beyond_the_type_is_no_nodata_of_an_image(dtype: str, nodata: str):
    """GDAL would refuse to write such a file, and the output would be blamed for it. Pixels can still be read."""
    hostile = reader({"nodata": nodata}, dtype)
    assert stream_metadata(hostile) == hostile.metadata
    with pytest.raises(MetadataDamaged, match="no image can hold the nodata"):
        image_metadata(hostile)


def test_nodata_with_a_fraction_still_reads():
    """Streams of earlier encoders have it."""
    assert stream_metadata(reader({"nodata": "10.5"}, "uint16")) == {"nodata": "10.5"}
