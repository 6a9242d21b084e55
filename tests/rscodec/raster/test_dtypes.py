"""Numbers become pixels: rounded and clipped."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.raster.dtypes import to_dtype


@pytest.mark.parametrize(
    "dtype, values, pixels",
    [
        ("uint8", [-3.0, 0.5, 1.5, 254.6, 300.0], [0, 0, 2, 255, 255]),  # halves to the even number
        ("int16", [-40000.0, -1.4, 40000.0], [-32768, -1, 32767]),
        ("uint16", [65535.4, 65536.0], [65535, 65535]),
        ("float32", [0.1, 1e60, -1e60], [np.float32(0.1), np.finfo("float32").max, np.finfo("float32").min]),
    ],
)
def test_integers_are_rounded_and_every_type_is_clipped(dtype, values, pixels):
    found = to_dtype(np.array(values), dtype)
    assert found.dtype == dtype and found.tolist() == pixels
