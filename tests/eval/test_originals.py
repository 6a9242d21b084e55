"""The originals of a measurement: known again, and not exchanged."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.eval.originals import check_originals, hash_of


def test_pixels_type_and_shape_count():
    pixels = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    others = [pixels + 1, pixels.astype(np.int8), pixels.reshape(1, 4, 3)]
    assert len({hash_of(one) for one in (pixels, *others)}) == 4
    assert hash_of(pixels) == hash_of(np.asfortranarray(pixels))


def test_new_originals_are_added_and_others_must_be_the_same(tmp_path):
    check_originals(tmp_path, {"set/a": "1"})
    check_originals(tmp_path, {"set/b": "2"})
    check_originals(tmp_path, {"set/a": "1", "set/b": "2"})
    with pytest.raises(InputError, match="results of another set/b; give another `out`"):
        check_originals(tmp_path, {"set/b": "3"})
