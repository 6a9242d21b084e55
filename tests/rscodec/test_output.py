"""What the functions that write images have in common: their keywords, and what may be asked for."""

from __future__ import annotations

from inspect import Parameter, signature

import numpy as np
import pytest
from rasterio.windows import Window as RasterioWindow

import rscodec
from rscodec.bitstreams.errors import InputError, LimitExceeded
from rscodec.output import check_bands, check_size, check_window
from rscodec.raster.window import Window

OUTPUT = {"bands", "driver", "creation_options", "overwrite", "progress"}
STREAM = {"weights", "device", "on_error"}
KEYWORDS = {
    rscodec.decode_file: {"window", "enhance", "threads", "max_pixels", *STREAM, *OUTPUT},
    rscodec.upscale_file: {"window", "threads", "max_pixels", *STREAM, *OUTPUT},
    rscodec.preview_file: {"stretch", "threads", "max_pixels", *STREAM, *OUTPUT},
    rscodec.enhance_file: {"threads", "device", *OUTPUT},
}


@pytest.mark.parametrize("function", KEYWORDS)
def test_keywords_stay_what_they_are(function):
    taken = {one.name for one in signature(function).parameters.values() if one.kind is Parameter.KEYWORD_ONLY}
    assert taken == KEYWORDS[function]


def test_an_unknown_keyword_is_named_with_the_known_ones(tmp_path):
    with pytest.raises(InputError, match="no setting drivr; there are weights, .*driver, creation_options"):
        rscodec.decode_file(tmp_path / "a.bin", tmp_path / "a.tif", drivr="COG")
    with pytest.raises(InputError, match="no setting weights; there are bands, driver"):
        rscodec.enhance_file(tmp_path / "a.tif", tmp_path / "b.tif", rscodec.EnhanceSettings("any"), weights="x")
    with pytest.raises(InputError, match="no setting threads; there are weights, device, on_error"):
        rscodec.open(tmp_path / "a.bin", threads=2)


def test_previews_tell_their_progress(make_scene, to_stream, tiny_weights, tmp_path):
    (tmp_path / "a.bin").write_bytes(to_stream(make_scene()))
    told: list[tuple[int, int]] = []
    rscodec.preview_file(
        tmp_path / "a.bin", tmp_path / "a.tif", 50, weights=tiny_weights, progress=lambda *now: told.append(now)
    )
    assert told == [(done, len(told)) for done in range(1, len(told) + 1)] and told
    told.clear()
    rscodec.preview_file(
        tmp_path / "a.bin",
        tmp_path / "b.tif",
        50,
        stretch=(2, 98),
        weights=tiny_weights,
        progress=lambda *now: told.append(now),
    )
    assert told == [(1, 1)]


def test_bands_windows_and_sizes_are_checked():
    whole = Window(0, 0, 30, 20)
    assert check_bands((3, 1), 3) == check_bands(np.array([3, 1]), 3) == [2, 0] and check_bands(3, 3) == [2]
    assert check_window(None, whole) == whole
    assert check_window(np.array([1, 2, 3, 4]), whole) == Window(1, 2, 3, 4)
    for bands in ((), (0,), (4,), (1, 1), (1.5,), 3.0, True):
        with pytest.raises(InputError, match="bands"):
            check_bands(bands, 3)
    assert check_window(RasterioWindow(1.0, 2, 3, 4.0), whole) == Window(1, 2, 3, 4)
    nan, inf = float("nan"), float("inf")
    nowhere = RasterioWindow(nan, 0, 2, 2), RasterioWindow(0, 0, inf, 2)
    for window in (*nowhere, RasterioWindow(0.5, 0, 2, 2), (0, 0, 31, 20), (0, 0, 1), (0, 0, 1.5, 2)):
        with pytest.raises(InputError, match="window"):
            check_window(window, whole)
    check_size(30, 20, 3, "uint8", 1800)
    with pytest.raises(LimitExceeded, match="`max_pixels=1800`"):
        check_size(30, 20, 3, "uint8", 1799)
