"""Reads streams from URLs: s3://, https://, memory:// and every other protocol of fsspec.

    URL --fsspec--> get_bytes(offset, length) --StreamReader--> header and index, then the requested tiles
                                              --prefetch-->     neighbouring tiles in one request

fsspec handles credentials and endpoints, with its environment variables and configuration files.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeGuard

from rscodec.bitstreams import StreamReader
from rscodec.bitstreams.errors import InputError, naming

GAP = 1024  # bytes between two parts: reading fewer is cheaper than another request


def is_url(source: object) -> TypeGuard[str]:
    return isinstance(source, str) and "://" in source


def open_stream(source: str | os.PathLike) -> StreamReader:
    """A reader of the stream at a path or a URL."""
    if not isinstance(source, (str, os.PathLike)):
        raise InputError(
            f"the stream is a path or a URL, not {type(source).__name__}: rscodec.decode and rscodec.open take more"
        )
    if not is_url(source):
        return StreamReader.from_path(source)
    remote = RemoteSource(source)
    with naming(source):
        reader = StreamReader(remote, remote.size)
    reader.path = source
    return reader


class RemoteSource:
    """get_bytes for a URL. Several threads may use it. `size` is None if the server does not report it."""

    def __init__(self, url: str):
        self._url = url
        self._held: list[tuple[int, bytes]] = []  # offset, bytes
        self._connect()
        self.size = self._ask(self._files.info, self._path).get("size")
        if url.startswith(("http://", "https://")):
            self._check_ranges()

    def _connect(self) -> None:
        self._process = os.getpid()
        try:
            from fsspec.core import url_to_fs

            self._files, self._path = url_to_fs(self._url)
        except ImportError as problem:
            scheme = self._url.partition("://")[0]
            raise InputError(
                f"{scheme}:// needs more than the core ({problem}); run pip install 'rscodec[remote]'"
            ) from None
        except ValueError as problem:
            raise InputError(f"cannot read {self._url}: {problem}") from None

    def __call__(self, offset: int, length: int) -> bytes:
        held = self._find(offset, length)
        return self._fetch([(offset, offset + length)])[0] if held is None else held

    def prefetch(self, spans: list[tuple[int, int]]) -> None:
        """Read these (offset, length) at once, joining neighbours, and keep them until the next prefetch."""
        if all(self._find(*span) is not None for span in spans):
            return
        merged: list[tuple[int, int]] = []
        for offset, length in sorted(spans):
            if merged and offset <= merged[-1][1] + GAP:
                merged[-1] = merged[-1][0], max(merged[-1][1], offset + length)
            else:
                merged.append((offset, offset + length))
        self._held = list(zip((start for start, _ in merged), self._fetch(merged), strict=True))

    def _find(self, offset: int, length: int) -> bytes | None:
        """That part, if it was prefetched."""
        for start, data in self._held:
            if start <= offset and offset + length <= start + len(data):
                return data[offset - start : offset - start + length]
        return None

    def _fetch(self, spans: list[tuple[int, int]]) -> list[bytes]:
        """The bytes of each (start, end), up to the end of the stream."""
        if os.getpid() != self._process:  # forked: connections belong to the parent
            self._connect()
        if self.size is not None:
            spans = [(min(start, self.size), min(end, self.size)) for start, end in spans]
        wanted = [(start, end) for start, end in spans if start < end]  # not every server accepts an empty range
        starts, ends = [start for start, _ in wanted], [end for _, end in wanted]
        parts = self._ask(self._files.cat_ranges, [self._path] * len(wanted), starts, ends, on_error="raise")
        if any(len(data) > end - start for data, start, end in zip(parts, starts, ends, strict=True)):
            raise InputError(
                f"{self._url}: the server sends more bytes than requested; fetch the whole file and use the copy"
            )
        found = iter(parts)
        return [next(found) if start < end else b"" for start, end in spans]

    def _check_ranges(self) -> None:
        """Request the second byte only. A server without range requests would send the whole file. fsspec's open file
        notices that before it reads the response; `cat_ranges` does not.
        """
        with self._files.open(self._path, size=2, cache_type="none") as file:
            file.seek(1)
            try:
                self._ask(file.read, 1)
            except InputError as problem:
                if type(problem.__cause__) is not ValueError:
                    raise
                raise InputError(
                    f"{self._url}: the server does not support range requests; fetch the whole file and use the copy"
                ) from None

    def _ask(self, question: Callable, *args: object, **kwargs: object) -> Any:
        try:
            return question(*args, **kwargs)
        except Exception as problem:  # every file system of fsspec raises its own errors
            reason = problem.__cause__ or problem
            missing = type(reason) is FileNotFoundError or getattr(reason, "status", None) == 404
            words = "there is no such file" if missing else str(reason) or type(reason).__name__
            raise InputError(f"cannot read {self._url}: {words}") from problem
