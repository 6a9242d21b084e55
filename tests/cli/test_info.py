"""`rscodec info`: every field of a real stream, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rscodec.bitstreams.container import StreamWriter
from rscodec.bitstreams.header import Header


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    """640 x 480 in two tiles of two groups, with metadata; payloads mean nothing here."""
    path = tmp_path / "a.bin"
    header = Header(
        model="vec-1",
        weights_hash=bytes(range(8)),
        quality=2.5,
        width=640,
        height=480,
        bands=4,
        dtype="uint16",
        groups=2,
    )
    with StreamWriter(path, header, {"crs": "EPSG:32632"}) as writer:
        writer.add(0, 0, None, [(b"first", 1), (b"second", 2)])
        writer.add(0, 1, None, [(b"third", 3), (b"fourth", 4)])
    return path


def test_every_header_field_is_explained(rscodec, stream):
    result = rscodec("info", stream)
    assert result.code == 0 and result.err == ""
    for name, value in [
        ("model", "vec-1"),
        ("weights_hash", "0001020304050607"),
        ("quality", "2.5"),
        ("width", "640"),
        ("height", "480"),
        ("bands", "4"),
        ("dtype", "uint16"),
        ("groups", "2"),
    ]:
        (line,) = (line for line in result.out.splitlines() if f"  {name} " in line)
        assert value in line.split()
    assert str(stream.stat().st_size) in result.out


def test_json(rscodec, stream):
    printed = json.loads(rscodec("info", stream, "--json").out)
    fields = {line["field"]: line["value"] for line in printed["fields"]}
    assert fields["model"] == "vec-1" and fields["dtype"] == "uint16"
    assert printed["totals"]["bytes_file"] == stream.stat().st_size
    assert printed["totals"]["rate_bpp_file"] == pytest.approx(8 * stream.stat().st_size / (640 * 480))
    assert printed["metadata"] == {"crs": "EPSG:32632"}


def test_which_pixels_a_rate_counts_is_said(rscodec, stream):
    (line,) = (line for line in rscodec("info", stream).out.splitlines() if line.startswith("rate_bpp_file"))
    assert "valid or not" in line


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["words", "json"])
def test_a_stream_that_is_cut_off_is_explained_and_4(rscodec, stream, form):
    whole = rscodec("info", stream, *form)
    stream.write_bytes(stream.read_bytes()[:-7])
    result = rscodec("info", stream, *form)
    assert result.code == 4 and "its last 7 bytes are missing" in result.err and result.err.count("\n") == 1
    assert len(result.out) > len(whole.out) and result.out.splitlines()[1] == whole.out.splitlines()[1]


@pytest.mark.parametrize(
    "content, code",
    [
        (None, 3),
        (b"", 4),
        (b"II*\0" * 20, 4),
        (b"\xd2RSC\x02" + bytes(60), 4),
    ],
    ids=["missing", "empty", "foreign", "future"],
)
def test_what_is_not_a_stream_is_one_line(rscodec, tmp_path, content, code):
    path = tmp_path / "a.bin"
    if content is not None:
        path.write_bytes(content)
    result = rscodec("info", path)
    assert result.code == code and result.out == "" and result.err.count("\n") == 1
