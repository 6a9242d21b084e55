"""A web server on this machine that answers range requests and keeps count."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """`files` by their path. `asked` has the (start, end) of every part that was to be sent, `taken` the bytes of those
    that were sent to their end. `ranges`: does it know them?
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[int, int]] = field(default_factory=list)
    ranges: bool = True
    taken: int = 0

    @property
    def sent(self) -> int:
        return sum(end - start for start, end in self.asked)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        site, data = self.server.site, self.server.site.files.get(self.path.partition("?")[0])
        if data is None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        wanted = site.ranges and re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, end = (int(wanted[1]), min(int(wanted[2]) + 1, len(data))) if wanted else (0, len(data))
        self.send_response(206 if wanted else 200)
        if site.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if body:
            site.asked.append((start, end))
            with suppress(ConnectionError):
                self.wfile.write(data[start:end])
                site.taken += end - start

    def log_message(self, *_) -> None:
        pass


@contextmanager
def serving() -> Iterator[Site]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.site = Site(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.site
        server.shutdown()
