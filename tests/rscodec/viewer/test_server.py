"""Ranges, and who is answered."""

from __future__ import annotations

import http.client
import shutil
from contextlib import closing

import pytest

from rscodec.bitstreams.errors import InputError
from rscodec.viewer.server import PART, Server
from rscodec.viewer.site import Asset
from tests.helpers.site import serving


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, dict, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def test_parts_of_a_stream(serve, scenes):
    server, data = serve(scenes / "rgb.bin"), (scenes / "rgb.bin").read_bytes()
    path, size = "/streams/0.bin", len((scenes / "rgb.bin").read_bytes())
    assert ask(server, path)[::2] == (200, data)
    status, headers, body = ask(server, path, Range="bytes=10-19")
    assert (status, headers["Content-Range"], body) == (206, f"bytes 10-19/{size}", data[10:20])
    assert ask(server, path, Range=f"bytes={size - 5}-{size + 90}")[::2] == (206, data[-5:])
    assert ask(server, path, Range="bytes=7-")[::2] == (206, data[7:])
    status, headers, _ = ask(server, path, Range=f"bytes={size}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{size}")
    for other in ("bytes=-10", "bytes=0-1,4-5"):
        status, headers, body = ask(server, path, Range=other)
        assert (status, body) == (200, data) and "Content-Range" not in headers
    status, headers, body = ask(server, path, "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(size), b"")
    assert ask(server, "/nothing")[0] == 404 and ask(server, path, "POST")[0] == 501


def test_names_that_lead_here_are_not_answered(serve, scenes):
    """A page from elsewhere could otherwise read streams through a name of its own that resolves to this machine."""
    server = serve(scenes / "rgb.bin")
    assert ask(server, "/", Host=f"localhost:{server.server_port}")[0] == 200
    assert ask(server, "/", Host="localhost:9000")[0] == ask(server, "/", Host="127.0.0.1")[0] == 200
    assert ask(server, "/", Host=f"example.org:{server.server_port}")[0] == 403
    assert ask(server, "//[/x")[0] in (400, 404)


def test_a_stream_that_is_replaced_is_sent_as_it_is_now(serve, scenes, tmp_path):
    shutil.copy(scenes / "rgb.bin", tmp_path / "a.bin")
    server, path = serve(tmp_path / "a.bin"), "/streams/0.bin"
    (tmp_path / "a.bin").write_bytes(b"shorter")
    assert ask(server, path)[::2] == (200, b"shorter")
    assert ask(server, path, Range="bytes=2-99")[::2] == (206, b"orter")
    assert ask(server, path, Range="bytes=7-")[0] == 416


def gone(start: int, length: int) -> bytes:
    if start:
        raise InputError("the source is gone")
    return bytes(length)


def cut(start: int, length: int) -> bytes:
    return b"" if start else bytes(length)


@pytest.mark.parametrize("read", [gone, cut])
def test_a_source_that_fails_midway_ends_the_answer(serve, scenes, monkeypatch, capsys, read):
    server = serve(scenes / "rgb.bin")
    monkeypatch.setattr(server.site, "find", lambda name: Asset("application/octet-stream", 3 * PART, read))
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(server, "/streams/0.bin")
    assert caught.value.partial == bytes(PART)
    assert capsys.readouterr().err == ""


def test_a_port_that_is_taken_is_refused(serve, scenes):
    taken = serve(scenes / "rgb.bin")
    with pytest.raises(InputError, match="choose another `port`"):
        Server(taken.site, taken.server_port)


def test_a_remote_stream_is_passed_on_part_by_part(serve, scenes):
    pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    data = (scenes / "rgb.bin").read_bytes()
    with serving() as remote:
        remote.files["/a.bin"] = data
        server = serve(f"{remote.address}/a.bin")
        opened = remote.sent
        assert ask(server, "/streams/0.bin", Range="bytes=100-199")[2] == data[100:200]
        assert remote.sent == opened + 100
        remote.files.clear()
        status, _, words = ask(server, "/streams/0.bin", Range="bytes=300-399")
        assert status == 502 and b"cannot read" in words
