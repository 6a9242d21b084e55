"""Settings of GDAL: a bounded cache and masks inside TIFFs; its messages become errors or are dropped."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning

CACHE_BYTES = 64 * 2**20  # of GDAL's blocks


class OptionComplaints(logging.Handler):
    """Collects GDAL's warnings about creation options while its block runs. GDAL itself ignores misspelt options."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "creation option" in record.getMessage():
            self.found.append(re.sub(r"CPLE_\w+ in ", "", record.getMessage()))

    def __enter__(self) -> None:
        logging.getLogger("rasterio._env").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("rasterio._env").removeHandler(self)


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
