"""Outputs appear whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rscodec.bitstreams.atomic import AtomicPath
from rscodec.bitstreams.errors import OutputError


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_success_and_companions(tmp_path):
    with AtomicPath(tmp_path / "a.png") as temporary:
        folder = temporary.parent
        assert temporary.name == "a.png" and names(tmp_path) == [folder.name]
        assert folder.name.startswith(".a.png.") and folder.suffix == ".part"
        temporary.write_bytes(b"pixels")
        temporary.with_name("a.png.aux.xml").write_bytes(b"tags")
        temporary.with_name("a.wld").write_bytes(b"world")
        assert "a.png" not in names(tmp_path)
    assert names(tmp_path) == ["a.png", "a.png.aux.xml", "a.wld"]
    assert (tmp_path / "a.png.aux.xml").read_bytes() == b"tags"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_nothing(tmp_path, error):
    target = tmp_path / "a.tif"
    target.write_bytes(b"as before")
    with pytest.raises(error), AtomicPath(target, overwrite=True) as temporary:
        temporary.write_bytes(b"half")
        temporary.with_name(temporary.name + ".msk").write_bytes(b"half")
        raise error
    assert names(tmp_path) == ["a.tif"] and target.read_bytes() == b"as before"


def test_overwrite(tmp_path):
    target, link = tmp_path / "a.tif", tmp_path / "link.tif"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with pytest.raises(OutputError, match="`overwrite=True`"), AtomicPath(target):
        pass
    with AtomicPath(link, overwrite=True) as temporary:
        temporary.write_bytes(b"new")
    assert target.read_bytes() == b"new" and link.is_symlink()


def test_a_name_that_is_too_long(tmp_path):
    for name in ("a" * 250, "a" * 300):
        with pytest.raises(OutputError, match="too long"), AtomicPath(tmp_path / name):
            pass


def with_sidecar(folder, pixels: bytes, tags: bytes):
    with AtomicPath(folder / "a.png", overwrite=True, sidecars=(".aux.xml", ".msk")) as temporary:
        temporary.write_bytes(pixels)
        if tags:
            temporary.with_name(temporary.name + ".aux.xml").write_bytes(tags)


def test_sidecars_go_with_the_file_that_they_belong_to(tmp_path):
    (tmp_path / "a.png.msk").write_bytes(b"of another writer")
    (tmp_path / "a.png.txt").write_bytes(b"mine")
    with_sidecar(tmp_path, b"old", b"old tags")
    assert names(tmp_path) == ["a.png", "a.png.aux.xml", "a.png.txt"]
    with_sidecar(tmp_path, b"new", b"")
    assert names(tmp_path) == ["a.png", "a.png.txt"] and (tmp_path / "a.png").read_bytes() == b"new"


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_rename_that_fails_loses_nothing_old(tmp_path, monkeypatch, fails_at):
    """An old sidecar steps aside, a new one takes its place, the file takes its own: any of these may fail."""
    with_sidecar(tmp_path, b"old", b"old tags")
    calls, replace = [], os.replace

    def failing(a, b):
        calls.append(a)
        if len(calls) == fails_at:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        replace(a, b)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OutputError, match="not permitted"):
        with_sidecar(tmp_path, b"new", b"new tags")
    assert names(tmp_path) == ["a.png", "a.png.aux.xml"]
    assert (tmp_path / "a.png").read_bytes() == b"old" and (tmp_path / "a.png.aux.xml").read_bytes() == b"old tags"


def with_header(path, content: bytes):
    with AtomicPath(path, overwrite=True) as temporary:
        temporary.write_bytes(content)
        temporary.with_suffix(".hdr").write_bytes(content)


def test_what_comes_with_an_output_replaces_only_what_came_with_it_before(tmp_path):
    (tmp_path / "a.hdr").write_bytes(b"of another image")
    with pytest.raises(OutputError, match="a.hdr comes with it, but exists; choose another name"):
        with_header(tmp_path / "a.img", b"mine")
    assert names(tmp_path) == ["a.hdr"] and (tmp_path / "a.hdr").read_bytes() == b"of another image"
    for content in (b"old", b"new"):
        with_header(tmp_path / "b.img", content)
    assert names(tmp_path) == ["a.hdr", "b.hdr", "b.img"]
    assert (tmp_path / "b.hdr").read_bytes() == (tmp_path / "b.img").read_bytes() == b"new"


def test_a_rename_that_fails_restores_what_came_with_the_old_output(tmp_path, monkeypatch):
    with_header(tmp_path / "a.img", b"old")
    replace = os.replace

    def failing(source, place):
        if Path(place) == tmp_path / "a.img":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        replace(source, place)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OutputError, match="not permitted"):
        with_header(tmp_path / "a.img", b"new")
    assert names(tmp_path) == ["a.hdr", "a.img"] and (tmp_path / "a.hdr").read_bytes() == b"old"


def test_one_that_appears_meanwhile_is_kept(tmp_path):
    target = tmp_path / "a.tif"
    with pytest.raises(OutputError, match="exists"), AtomicPath(target) as temporary:
        temporary.write_bytes(b"mine")
        target.write_bytes(b"theirs")
    assert names(tmp_path) == ["a.tif"] and target.read_bytes() == b"theirs"


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "no" / "a.tif", "no folder"),
        (tmp_path / "file" / "a.tif", "is a file"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "regular file"),
    ):
        with pytest.raises(OutputError, match=words) as caught, AtomicPath(path, overwrite=True):
            pass
        assert caught.value.exit_code == 7 and "\n" not in str(caught.value)


def test_a_full_disk(tmp_path):
    with pytest.raises(OutputError, match="no space left"), AtomicPath(tmp_path / "a.tif") as temporary:
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not names(tmp_path)


def test_a_file_that_was_never_written_is_no_success(tmp_path):
    with pytest.raises(OutputError, match="is gone"), AtomicPath(tmp_path / "a.tif"):
        pass
    assert not names(tmp_path)


KILLED = """
import os, sys
from rscodec.bitstreams.atomic import AtomicPath
with AtomicPath(sys.argv[1], overwrite=True) as temporary:
    temporary.write_bytes(b"half")
    temporary.with_name("pixels").mkdir()
    temporary.with_name("pixels").joinpath("a").write_bytes(b"half")
    print(temporary.parent.name, flush=True)
    if sys.argv[2] == "dies":
        os._exit(1)
    sys.stdin.read()
"""


def start(target, how: str) -> tuple[subprocess.Popen, str]:
    """A process that writes `target` and dies, or waits, and the folder that has its output meanwhile."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, target, how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    return process, process.stdout.readline().strip()


def test_what_a_killed_process_left_is_removed_by_the_next_one_that_writes_there(tmp_path):
    target = tmp_path / "a.tif"
    waiting, alive = start(target, "waits")
    with waiting:
        for name in ("a.tif", "other.tif"):
            dead, left = start(tmp_path / name, "dies")
            with dead:
                pass
        there = {path.name for path in tmp_path.iterdir()}
        elsewhere = alive.split("-")[0] + "-00c0ffee-" + alive.split("-")[2]  # its number means nothing here
        (tmp_path / elsewhere).mkdir()
        with AtomicPath(target) as temporary:
            temporary.write_bytes(b"new")
        assert {name for name in there if not name.startswith(".a.tif")} <= set(names(tmp_path))
        kept = {name for name in names(tmp_path) if name.startswith(".a.tif")}
        assert kept == {alive, elsewhere} and len(there) == 3
    assert target.read_bytes() == b"half"  # the one that waited has come to its end


@pytest.mark.parametrize(
    "name",
    [
        "-",
        "/vsistdout/",
        "/vsistdout",
        "/vsimem/a.tif",
        "/vsis3/bucket/a.tif",
        "s3://bucket/a.tif",
        Path("https://example.com/a.tif"),
    ],
)
def test_what_is_no_file_on_disk_is_refused_by_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="name a file on disk"), AtomicPath(name):
        pass
    assert not names(tmp_path)


def test_an_output_whose_temporary_file_is_gone_is_no_success(tmp_path):
    (tmp_path / "old.tif").write_bytes(b"old")
    (tmp_path / "old.tif.msk").write_bytes(b"mask")
    with pytest.raises(OutputError, match="its temporary file .* is gone"):
        with AtomicPath(tmp_path / "old.tif", True, (".msk",)) as temporary:
            temporary.write_bytes(b"new")
            temporary.unlink()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"old.tif": b"old", "old.tif.msk": b"mask"}
