"""Every named error, reached by a stream made for it; and no stream at all that does anything else."""

import json
import struct
import zlib

import numpy as np
import pytest

from rscodec.bitstreams import StreamReader, errors
from rscodec.bitstreams.limits import MAX_METADATA_BYTES
from rscodec.bitstreams.sections import pack_section


def section(data, length=None):
    return pack_section(data) if length is None else bytes(length) + data


def deflated(value):
    return zlib.compress(value if isinstance(value, bytes) else json.dumps(value).encode())


GOOD = (4, zlib.crc32(b"data"), 7)
NONE = (0, 0, 0)
CRAFTED = [
    ("NotAStream", dict(magic=b"RIFF")),
    ("FutureVersion", dict(version=2)),
    ("FutureVersion", dict(arithmetic=9)),
    ("UnknownModel", dict(model=0x0FFF)),
    ("BadField", dict(version=0)),
    ("BadField", dict(quality=31)),
    ("BadField", dict(quality=257)),
    ("BadField", dict(width=0)),
    ("BadField", dict(dtype=6)),
    ("BadField", dict(tile=0)),
    ("BadField", dict(flags=8)),
    ("BadField", dict(groups=4)),
    ("BadField", dict(groups=0)),
    ("BadField", dict(flags=1, sections=section(b""))),
    ("BadField", dict(flags=2, sections=section(b"abc", [0x83, 0]))),
    ("BadField", dict(flags=16, dtype=4, sections=section(struct.pack("<d", 5e-324)), entries=[GOOD, NONE])),
    ("LimitExceeded", dict(height=2**20 + 1)),
    ("LimitExceeded", dict(bands=17)),
    ("LimitExceeded", dict(tile=33)),
    ("LimitExceeded", dict(bands=16, groups=9)),
    ("LimitExceeded", dict(width=2**20, height=2**20)),
    ("LimitExceeded", dict(flags=1, sections=section(b"", [0xFF, 0xFF, 0xFF, 0x7F]))),
    ("LimitExceeded", dict(flags=2, sections=section(b"", [0x80] * 9))),
    ("LimitExceeded", dict(entries=[(2**31, 1, 1)])),
    ("Truncated", dict(width=2**19, height=2**19)),
    ("MetadataDamaged", dict(flags=1, sections=section(b"no zlib"))),
    ("MetadataDamaged", dict(flags=1, sections=section(deflated({"a": 1})[:-1]))),
    ("MetadataDamaged", dict(flags=1, sections=section(deflated({"a": 1}) + b"x"))),
    ("MetadataDamaged", dict(flags=1, sections=section(deflated([1, 2])))),
    ("MetadataDamaged", dict(flags=1, sections=section(deflated(b'{"a":NaN}')))),
    ("MetadataDamaged", dict(flags=1, sections=section(deflated(b"\xff\xfe{")))),
    ("MetadataDamaged", dict(flags=1, sections=section(deflated(b"[" * 100000)))),
    ("IndexDamaged", dict(entries=[(0, 0, 0)], payloads=b"")),
    ("IndexDamaged", dict(entries=[NONE, NONE], flags=4, payloads=b"")),
    ("IndexDamaged", dict(entries=[GOOD, GOOD, NONE], flags=4, bands=6, groups=2, payloads=b"datadata")),
    ("IndexDamaged", dict(entries=[(0, 0, 1), GOOD], flags=4)),
    ("TrailingBytes", dict(entries=[GOOD], payloads=b"data?")),
    ("TileDamaged", dict(entries=[(4, 1, 1)])),
    ("TileDamaged", dict(entries=[(5, 1, 1)])),
    ("MaskDamaged", dict(entries=[(4, 1, 1), NONE], flags=4)),
]


@pytest.mark.parametrize("name, stream", CRAFTED)
def test_crafted(craft, contents, name, stream):
    with pytest.raises(errors.BitstreamError) as caught:
        contents(craft(**stream))
    assert type(caught.value).__name__ == name
    assert caught.value.exit_code == 4 and "\n" not in str(caught.value)


def test_the_list_above_is_complete():
    from_elsewhere = {"RadiometryDamaged", "HeaderDamaged"}  # raised by rscodec.stream.radiometry; tested below
    leaves = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.BitstreamError)
    }
    leaves -= {"BitstreamError", "SymbolsDamaged"}  # the second becomes TileDamaged before anybody sees it
    assert leaves == {name for name, _ in CRAFTED} | from_elsewhere


def test_cut_off_anywhere(scene, write, contents):
    data = write(scene(metadata={"crs": "x"}, flags={"planes"}))
    payloads = StreamReader.from_bytes(data).parts["payloads"][0]
    for end in range(len(data)):
        with pytest.raises(errors.BitstreamError) as caught:
            contents(data[:end])
        behind = errors.Truncated if end < payloads else errors.TileDamaged
        assert isinstance(caught.value, errors.NotAStream if end < 4 else behind)


def test_one_damaged_tile_costs_one_tile(scene, write):
    header, _, _, tiles = made = scene(flags={"planes"}, bands=6, groups=2)
    data = bytearray(write(made))
    entry = StreamReader.from_bytes(data).entry(1, 0, 1)
    data[entry.offset] ^= 1
    reader = StreamReader.from_bytes(data)
    with pytest.raises(errors.TileDamaged) as caught:
        reader.payload(1, 0, 1)
    assert caught.value.tile == (1, 0, 1)
    assert reader.payload(1, 1, 1) == tiles[1, 1][1][1][0]


def test_header_damage(scene, write):
    data = bytearray(write(scene()))
    data[20] ^= 1
    with pytest.raises(errors.HeaderDamaged):
        StreamReader.from_bytes(data)


def test_a_zlib_bomb_stays_small(craft, contents):
    bomb = zlib.compress(b'{"a":"' + b" " * (4 * MAX_METADATA_BYTES) + b'"}', 9)
    with pytest.raises(errors.MetadataDamaged, match="more than"):
        contents(craft(flags=1, sections=section(bomb)))


def test_a_length_is_not_believed_before_the_bytes_are_there(craft):
    calls = []

    def get_bytes(offset, length):
        calls.append(length)
        return data[offset : offset + length]

    data = craft(width=2**19, height=2**19)
    with pytest.raises(errors.Truncated):
        StreamReader(get_bytes, len(data))
    data = craft(entries=[(2**21, 1, 1)])
    with pytest.raises(errors.TileDamaged):
        StreamReader(get_bytes, len(data)).payload(0, 0, 0)
    assert max(calls) == 4096


def test_mutations(scene, write, contents):
    """Flip, cut, insert, repeat: whatever is done to a stream, it reads as before or is refused by name."""
    rng = np.random.default_rng(20240229)
    for fields in (dict(), dict(flags={"planes"}, bands=6, groups=2, metadata={"k": "v"}, radiometry=b"r")):
        data = write(scene(**fields))
        honest = contents(data)
        for _ in range(2000):
            mutant = bytearray(data)
            for _ in range(rng.integers(1, 4)):
                at, length = (int(n) for n in rng.integers(0, [len(mutant) + 1, 9]))
                kind = rng.integers(4)
                if kind == 0 and at < len(mutant):
                    mutant[at] ^= 1 << int(rng.integers(8))
                elif kind == 1:
                    del mutant[at : at + length]
                elif kind == 2:
                    mutant[at:at] = rng.bytes(length)
                else:
                    mutant[at : at + length] = mutant[:length]
            try:
                assert contents(bytes(mutant)) == honest
            except errors.BitstreamError as problem:
                assert "\n" not in str(problem)


def test_mutations_behind_right_checksums(craft, contents):
    """The same for wire numbers that no checksum guards against: a stream made by an enemy."""
    rng = np.random.default_rng(7)
    reached = set()
    for _ in range(3000):
        above = dict(width=3000, height=3000, bands=18, dtype=7, tile=35, flags=9, groups=10, quality=260)
        chosen = {name: int(rng.integers(end)) for name, end in above.items() if rng.random() < 0.2}
        entries = [
            tuple(int(n) for n in rng.integers(0, 2**32, 3) >> rng.integers(0, 33, 3))
            for _ in range(rng.integers(1, 5))
        ]
        with pytest.raises(errors.BitstreamError) as caught:
            contents(craft(sections=rng.bytes(int(rng.integers(0, 9))), entries=entries, **chosen))
        reached.add(caught.type.__name__)
    assert reached == {
        "BadField",
        "HeaderDamaged",
        "IndexDamaged",
        "LimitExceeded",
        "TileDamaged",
        "TrailingBytes",
        "Truncated",
    }
