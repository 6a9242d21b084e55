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
        self.hosts = {f"{name}:{self.server_port}" for name in (HOST, "localhost")}

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
        # rebinding).
        if self.headers.get("Host") not in self.server.hosts:
            self._refuse(403, "this server answers to its own address only")
            return
        try:
            asset = self.server.site.find(unquote(urlsplit(self.path).path).lstrip("/"))
        except RscodecError as problem:
            self._refuse(502, str(problem))
            return
        if asset is None:
            self._refuse(404, "there is nothing here")
            return
        part = self._part(asset)
        if part is None:
            self._refuse(416, "no such range", {"Content-Range": f"bytes */{asset.size}"})
            return
        self._send(asset, *part, body)

    def _part(self, asset: Asset) -> tuple[int, int] | None:
        """Return (start, end) of the requested range. Without a range, return the whole asset; if the asset does not
        have the range, return None.
        """
        wanted = re.fullmatch(r"bytes=(\d{1,15})-(\d{0,15})", self.headers.get("Range", ""))
        if not wanted:
            return 0, asset.size
        start, last = int(wanted[1]), int(wanted[2] or asset.size)
        return (start, min(last + 1, asset.size)) if start < asset.size and start <= last else None

    def _send(self, asset: Asset, start: int, end: int, body: bool) -> None:
        partial = end - start < asset.size or "Range" in self.headers
        try:
            data = asset.read(start, min(PART, end - start)) if body else b""
        except RscodecError as problem:
            self._refuse(502, str(problem))
            return
        headers = {"Content-Type": asset.kind, "Content-Length": str(end - start), "Accept-Ranges": "bytes"}
        if partial:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{asset.size}"
        self._head(206 if partial else 200, headers)
        while body and data:
            self.wfile.write(data)
            start += len(data)
            try:
                data = asset.read(start, min(PART, end - start)) if start < end else b""
            except RscodecError:  # the head is sent; the browser notices that the body is incomplete
                self.close_connection = True
                return

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
