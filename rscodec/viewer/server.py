"""Serves the page to browsers on this machine, and to no other machine."""

from __future__ import annotations

import re
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from rscodec.bitstreams.errors import InputError, RscodecError
from rscodec.viewer.site import Asset, Site

HOST = "127.0.0.1"
PART = 2**20  # bytes that are read at once


class Server(ThreadingHTTPServer):
    """`serve_forever` answers until `shutdown`. Port 0 takes any free port."""

    daemon_threads = True

    def __init__(self, site: Site, port: int = 0):
        self.site = site
        try:
            super().__init__((HOST, port), Handler)
        except OSError as problem:
            raise InputError(f"port {port} cannot be used: {problem.strerror}; choose another `port`") from None

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD, also with ranges."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes, and the second would wait otherwise

    def do_GET(self) -> None:
        with suppress(ConnectionError):
            self._answer(body=True)

    def do_HEAD(self) -> None:
        with suppress(ConnectionError):
            self._answer(body=False)

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _answer(self, body: bool) -> None:
        # A page of another site could reach this server through a host name that resolves to this machine (DNS
        # rebinding). The port may be another one: that of a tunnel.
        if self.headers.get("Host", "").partition(":")[0] not in (HOST, "localhost"):
            self._refuse(403, "this server answers to its own address only")
            return
        try:
            asset = self.server.site.find(unquote(urlsplit(self.path).path).lstrip("/"))
        except ValueError:
            self._refuse(400, "this is no address")
            return
        except RscodecError as problem:
            self._refuse(502, str(problem))
            return
        if asset is None:
            self._refuse(404, "there is nothing here")
            return
        status, start, end = self._part(asset.size)
        if status == 416:
            self._refuse(416, "no such range", {"Content-Range": f"bytes */{asset.size}"})
        else:
            self._send(asset, status, start, end, body)

    def _part(self, size: int) -> tuple[int, int, int]:
        """Return the status of the answer, and start and end of the requested part. Ranges are ignored unless there is
        one, START-END or START-; HTTP allows that.
        """
        wanted = re.fullmatch(r"bytes=(\d{1,15})-(\d{0,15})", self.headers.get("Range", ""))
        if not wanted:
            return 200, 0, size
        start, last = int(wanted[1]), int(wanted[2] or size)
        return (206, start, min(last + 1, size)) if start < size and start <= last else (416, 0, 0)

    def _send(self, asset: Asset, status: int, start: int, end: int, body: bool) -> None:
        try:
            data = asset.read(start, min(PART, end - start)) if body else b""
        except RscodecError as problem:
            self._refuse(502, str(problem))
            return
        headers = {"Content-Type": asset.kind, "Content-Length": str(end - start), "Accept-Ranges": "bytes"}
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{asset.size}"
        self._head(status, headers)
        if not body:
            return
        with suppress(RscodecError):
            while data:
                self.wfile.write(data)
                start += len(data)
                data = asset.read(start, min(PART, end - start)) if start < end else b""
        if start < end:  # the head is sent; a browser notices that the body is incomplete when the connection ends
            self.close_connection = True

    def _refuse(self, status: int, words: str, headers: dict[str, str] | None = None) -> None:
        data = words.encode()
        known = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(data))}
        self._head(status, known | (headers or {}))
        if self.command != "HEAD":
            self.wfile.write(data)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
