"""Settings of GDAL: a bounded cache and masks inside TIFFs; its messages become errors or are dropped."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import rasterio
from rasterio.errors import NotGeoreferencedWarning

CACHE_BYTES = 64 * 2**20  # of GDAL's blocks

Heard = TypeVar("Heard", bound="Listener")


class Listener:
    """Gets the warnings that a logger of rasterio makes in this thread while its block runs, also those that the
    program silences. Handlers of the program get what they would get without it.
    """

    def __init__(self, name: str) -> None:
        self.records: list[logging.LogRecord] = []
        self._ears = _tapped(name)

    def __enter__(self: Heard) -> Heard:
        self._before = getattr(self._ears, "records", None)
        self._ears.records = self.records
        return self

    def __exit__(self, *_: object) -> None:
        self._ears.records = self._before


@cache
def _tapped(name: str) -> threading.local:
    """Let listeners hear a logger. In each thread, `records` of the result is where its listener wants the records."""
    logger, ears = logging.getLogger(name), threading.local()
    enabled, handle = logger.isEnabledFor, logger.handle

    def is_enabled(level: int) -> bool:
        heard = level >= logging.WARNING and getattr(ears, "records", None) is not None
        return heard or enabled(level)

    def handle_too(record: logging.LogRecord) -> None:
        if getattr(ears, "records", None) is not None:
            ears.records.append(record)
        if enabled(record.levelno):
            handle(record)

    logger.isEnabledFor, logger.handle = is_enabled, handle_too  # type: ignore[method-assign]
    return ears


class OptionComplaints(Listener):
    """Collects GDAL's warnings about creation options while its block runs. GDAL itself ignores misspelt options."""

    def __init__(self) -> None:
        super().__init__("rasterio._env")

    @property
    def found(self) -> list[str]:
        messages = (record.getMessage() for record in self.records)
        return [re.sub(r"CPLE_\w+ in ", "", message) for message in messages if "creation option" in message]


class Silence:
    """Silences warnings about images without georeference. All threads share the filters of `warnings`: the first
    thread that enters sets them, and the last one that leaves restores them.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self._inside += 1

    def __exit__(self, *exception: Any) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._before.__exit__(*exception)


_silence = Silence()


@contextmanager
def gdal() -> Iterator[None]:
    """GDAL with a bounded block cache, masks inside TIFFs, and no warnings about images without georeference."""
    options = {"GDAL_CACHEMAX": CACHE_BYTES, "GDAL_TIFF_INTERNAL_MASK": True}
    with _silence, rasterio.Env(**options):
        yield


def cause(error: BaseException) -> str:
    """The innermost message on one line: GDAL's own message instead of 'see previous exception'."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())
