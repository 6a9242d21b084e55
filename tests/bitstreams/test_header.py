"""The fixed header: what goes in comes out, and what a stream cannot hold is refused with its name."""

import dataclasses
import re
import struct
import sys
from pathlib import Path

import pytest

import rscodec.bitstreams as bitstreams
from rscodec.bitstreams import Header, errors, limits, wire
from rscodec.bitstreams.header import FIXED, wire_numbers

HEADER = Header(
    arithmetic="integer-1",
    model="rsc-s-1",
    weights_hash=b"weights!",
    quality=2.53125,
    width=12345,
    height=678,
    bands=13,
    dtype="int16",
    tile=1024,
    groups=4,
    flags=frozenset({"metadata", "planes"}),
)
SPEC = (Path(bitstreams.__file__).parent / "SPEC.md").read_text()


def test_round_trip():
    data = HEADER.pack()
    assert len(data) == FIXED.size == 31
    assert Header.from_wire(wire_numbers(data)) == HEADER


@pytest.mark.parametrize(
    "field, value",
    [
        ("quality", 0.5),
        ("quality", 8.5),
        ("quality", 3.01),
        ("quality", float("nan")),
        ("width", 0),
        ("height", 2**20 + 1),
        ("bands", 17),
        ("bands", 0),
        ("dtype", "complex64"),
        ("tile", 500),
        ("tile", 4096),
        ("flags", frozenset({"index"})),
        ("groups", 9),
        ("bands", 3),
        ("model", "rsc-xl-9"),
        ("weights_hash", b"short"),
        ("arithmetic", "decimal"),
    ],
)
def test_a_value_that_does_not_fit_is_an_input_error(field, value):
    with pytest.raises(errors.InputError) as caught:
        dataclasses.replace(HEADER, **{field: value}).pack()
    assert field in str(caught.value) and "\n" not in str(caught.value)


def test_too_many_tiles_and_no_content():
    with pytest.raises(errors.InputError, match="larger tile"):
        dataclasses.replace(HEADER, width=2**20, height=2**20, tile=512).pack()
    with pytest.raises(errors.InputError, match="without any content"):
        dataclasses.replace(HEADER, flags=frozenset(), groups=0).pack()


def test_grid():
    assert HEADER.grid == (1, 13)
    assert dataclasses.replace(HEADER, width=1024, height=1025).grid == (2, 1)


def test_the_specification_has_the_same_offsets():
    offset = 5
    for field in dataclasses.fields(Header):
        size = struct.calcsize("<" + field.metadata["kind"].code)
        assert f"\n| {offset} | {size} | {field.name} |" in SPEC
        offset += size


def test_the_specification_has_the_same_numbers():
    for table in (wire.ARITHMETICS, wire.DTYPES):
        assert all(f"| {number} | {name} |" in SPEC for number, name in table.items())
    models = {(f"0x{number:04X}", name) for number, name in wire.MODELS.items()}
    assert set(re.findall(r"\| (0x\w{4}) \| (\S+) \|", SPEC)) == models
    named = {name: value for name, value in vars(limits).items() if name.startswith("MAX_")}
    assert limits.MIN_FLOAT_BOUND == 32 * sys.float_info.min and "| MIN_FLOAT_BOUND | 2^-1017 |" in SPEC
    assert all(f"| {name} | {value} |" in SPEC for name, value in named.items())


def test_the_specification_names_every_error():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    leaves = {kind for kind in kinds if issubclass(kind, errors.BitstreamError)}
    leaves -= {errors.BitstreamError, errors.SymbolsDamaged}  # the second becomes TileDamaged before anybody sees it
    assert leaves and all(f"\n| {kind.__name__}" in SPEC for kind in leaves)
