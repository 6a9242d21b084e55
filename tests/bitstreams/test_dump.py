"""A stream in words: gapless, and the sums come out."""

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.dump import explain, totals


def test_lines_cover_the_stream(scene, write):
    for fields in (dict(), dict(flags={"planes"}, metadata={"crs": "x", "nodata": "0"}, radiometry=b"abc")):
        data = write(scene(**fields))
        lines = explain(StreamReader.from_bytes(data))
        at = 0
        for line in lines:
            assert line.offset == at and line.value and line.meaning
            at += line.size
        assert at == len(data)
        values = {line.field: line.value for line in lines}
        assert values["model"] == "vec-1" and values["quality"] == "3" and values["width"] == "1000"
        assert values["flags"] == ("metadata, radiometry, planes" if fields else "none")
        assert values.get("metadata") == ("crs, nodata" if fields else None)


def test_a_key_that_no_terminal_prints(scene, write):
    """JSON may have half of a surrogate pair as a key; Python cannot encode it."""
    lines = explain(StreamReader.from_bytes(write(scene(metadata={"crs": "x", "\ud800": 1}))))
    assert [line.value.encode() for line in lines if line.field == "metadata"] == [b"crs, \\ud800"]


def test_weights_of_bands_are_named(scene, write):
    for radiometry, value in ((b"\x7fbc", "3 bytes"), (b"\x80bc", "3 bytes, balanced")):
        lines = explain(StreamReader.from_bytes(write(scene(radiometry=radiometry))))
        assert [line.value for line in lines if line.field == "radiometry"] == [value]


def test_totals(scene, write):
    header, _, _, tiles = made = scene(flags={"planes"}, metadata={"crs": "x"}, radiometry=b"abc")
    data = write(made)
    sums = totals(StreamReader.from_bytes(data))
    coded = sum(len(data) for _, groups in tiles.values() for data, _ in groups)
    parts = ("header", "metadata", "radiometry", "index", "planes", "groups")
    assert sums["bytes_file"] == len(data) == sum(sums[f"bytes_{part}"] for part in parts)
    assert sums["bytes_groups"] == coded == len(data) - sums["bytes_overhead"]
    assert sums["tiles"] == 4 and sums["tiles_absent"] == 1
    assert sums["rate_bpp_file"] == 8 * len(data) / (1000 * 700)


def test_a_stream_that_is_cut_off_says_so(scene, write):
    data = write(scene())
    assert explain(StreamReader.from_bytes(data))[-1].meaning == "tile by tile"
    assert explain(StreamReader.from_bytes(data[:-7]))[-1].meaning.endswith("the last 7 bytes are missing")
