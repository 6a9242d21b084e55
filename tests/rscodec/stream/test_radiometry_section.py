"""What is no radiometry section is named, and never worse."""

from __future__ import annotations

import numpy as np
import pytest

from rscodec.bitstreams.errors import RadiometryDamaged
from rscodec.stream.radiometry_section import pack_radiometry, unpack_radiometry
from rscodec.stream.statistics import Statistics
from rscodec.synthetic.sample import synthesize


def test_damaged_sections_are_named():
    statistics = Statistics("uint16", 4)
    statistics.add(synthesize(96, 4, "uint16")[0], None)
    good = pack_radiometry(statistics.radiometry(4, ()))
    for bad in (b"", good[:2], good[:-1], good + b"\0", b"\xff" + good[1:], b"\x03" + good[1:]):
        with pytest.raises(RadiometryDamaged):
            unpack_radiometry(bad, "uint16", 4)
    with pytest.raises(RadiometryDamaged, match="missing"):
        unpack_radiometry(None, "uint16", 4)
    nothing = good[:3] + np.array([np.nan], "<f4").tobytes() + good[7:]
    with pytest.raises(RadiometryDamaged, match="scale"):
        unpack_radiometry(nothing, "uint16", 4)
    skewed = good[:-32] + bytes(32)
    with pytest.raises(RadiometryDamaged, match="orthonormal"):
        unpack_radiometry(skewed, "uint16", 4)


def test_random_bytes_are_refused():
    rng = np.random.default_rng(2)
    for _ in range(300):
        data = rng.integers(0, 256, rng.integers(0, 80), np.uint8).tobytes()
        with pytest.raises(RadiometryDamaged):
            unpack_radiometry(data, "float32", int(rng.integers(1, 17)))


def test_a_changed_bit_is_refused_or_reads_as_the_section_that_it_makes():
    """No checksum is known here: a number may be another legal one, and is then read as it stands."""
    statistics = Statistics("uint16", 4)
    statistics.add(synthesize(96, 4, "uint16")[0], None)
    good, refused = pack_radiometry(statistics.radiometry(4, ())), 0
    for bit in range(8 * len(good)):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            found = unpack_radiometry(bytes(changed), "uint16", 4)
        except RadiometryDamaged:
            refused += 1
        else:
            assert pack_radiometry(found) == changed
    assert 0 < refused < 8 * len(good)
