"""Reads the bytes of a stream from a file, and parses a stream's beginning, reading no further than necessary."""

from __future__ import annotations

import os
import stat
import struct
import threading
import zlib
from collections.abc import Callable
from typing import BinaryIO

from .errors import BadField, BitstreamError, InputError, LimitExceeded, Truncated

FIRST_READ = 4096  # holds the header and index of most scenes


def fetch(get_bytes: Callable[[int, int], bytes], offset: int, length: int) -> bytes:
    """The result of get_bytes, checked to be bytes."""
    data = get_bytes(offset, length)
    if not isinstance(data, bytes):
        raise InputError(
            f"get_bytes({offset}, {length}) returned {type(data).__name__}, not bytes: convert it with "
            "bytes(...) or .tobytes()"
        )
    return data


class FileSource:
    """get_bytes for a file. Several threads may use it."""

    def __init__(self, path: str | os.PathLike):
        if os.fspath(path) == "-":
            raise InputError("standard input cannot be read: save the stream in a file, and name that")
        try:
            found = os.stat(path)
            if stat.S_ISCHR(found.st_mode) or stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode):
                raise InputError(f"cannot read {path}: it is not a file; save the stream in one, and name that")
            self._file, self.size = open(path, "rb"), found.st_size
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise InputError(f"cannot read {path}: {reason}; give a .bin made by `rscodec encode`") from None
        self._lock = threading.Lock()

    def __call__(self, offset: int, length: int) -> bytes:
        if self._file.closed:
            raise InputError("the stream is closed; open it again")
        if hasattr(os, "pread"):  # does not move the file's position, which forked processes share
            return os.pread(self._file.fileno(), length, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)

    def close(self) -> None:
        self._file.close()


class ObjectSource:
    """get_bytes for an open binary file, which stays open. Several threads may use it, but only through this object."""

    def __init__(self, file: BinaryIO):
        self._file, self._lock = file, threading.Lock()
        self.size = file.seek(0, os.SEEK_END)

    def __call__(self, offset: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)


class Cursor:
    """A cursor over the beginning of a stream. `at` is the position of the next byte."""

    def __init__(self, get_bytes: Callable[[int, int], bytes], size: int | None):
        self._get_bytes, self._size = get_bytes, size
        self.data, self.at = fetch(get_bytes, 0, FIRST_READ), 0

    def take(self, length: int, part: str) -> bytes:
        """The next bytes, which belong to `part`."""
        end = self.at + length
        if end > len(self.data) and (self._size is None or end <= self._size):
            self.data += fetch(self._get_bytes, len(self.data), end - len(self.data))
        if end > len(self.data):
            raise Truncated(f"the stream ends inside its {part}, which takes {end} bytes; fetch it again")
        data, self.at = self.data[self.at : end], end
        return data

    def section(self, name: str, limit: int) -> bytes:
        """The bytes of a section, after its length is read and checked."""
        length = shift = 0
        while True:
            byte = self.take(1, f"{name} section")[0]
            length |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if length > limit or shift > 28:
                raise LimitExceeded(f"the {name} section is longer than the limit of {limit} bytes")
        if length > limit:
            raise LimitExceeded(f"the {name} section has {length} bytes, above the limit of {limit}")
        if byte == 0:
            raise BadField(f"the length of the {name} section is zero or not written in its shortest form")
        return self.take(length, f"{name} section")

    def take_checked(self, length: int, since: int, part: str, error: type[BitstreamError]) -> bytes:
        """The next bytes, which must be followed by the CRC-32 of everything from `since` to their end."""
        data = self.take(length + 4, part)
        if struct.unpack("<I", data[length:])[0] != zlib.crc32(self.data[since : self.at - 4]):
            raise error(f"the {part} does not match its checksum: the stream is damaged; fetch it again")
        return data[:length]
