"""What GDAL says is heard where it matters, and nowhere else."""

from __future__ import annotations

import logging
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from rasterio.errors import NotGeoreferencedWarning

from rscodec.bitstreams.errors import OutputError
from rscodec.raster import gdal
from rscodec.raster.scene import Scene


def test_threads_that_open_images_keep_each_other_silent():
    """The one that came first leaves first, as threads do."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silence = gdal.Silence()
        silence.__enter__()
        silence.__enter__()
        silence.__exit__(None, None, None)
        warnings.warn("nowhere on Earth", NotGeoreferencedWarning, stacklevel=1)
        silence.__exit__(None, None, None)
        with pytest.raises(NotGeoreferencedWarning):
            warnings.warn("nowhere on Earth", NotGeoreferencedWarning, stacklevel=1)


@pytest.fixture(params=["level", "disable", "disabled"])
def silenced(request, monkeypatch):
    """A program that does not want to hear rasterio, in one of three ways."""
    library = logging.getLogger("rasterio")
    before = library.level
    if request.param == "level":
        library.setLevel(logging.ERROR)
    elif request.param == "disable":
        logging.disable(logging.CRITICAL)
    else:
        for name in ("rasterio._env", "rasterio._base"):
            monkeypatch.setattr(logging.getLogger(name), "disabled", True)
    yield
    library.setLevel(before)
    logging.disable(logging.NOTSET)


def test_what_a_program_silences_is_heard_by_the_writer_and_the_reader_only(tmp_path: Path, silenced, caplog):
    plain = Scene(np.ones((1, 8, 8), np.uint8), metadata={"tags": {"": {"TIFFTAG_COPYRIGHT": "(c) Caf. Ltd"}}})
    with pytest.raises(OutputError, match="creation option"):
        plain.save(tmp_path / "a.tif", nonsense="1")
    plain.save(tmp_path / "a.tif")
    written = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(written.replace(b"(c) Caf. Ltd", b"(c) Caf\xe9 Ltd"))
    assert Scene.load(tmp_path / "a.tif").metadata["tags"] == {"": {"TIFFTAG_COPYRIGHT": "(c) Caf\xe9 Ltd"}}
    assert not caplog.records


def test_a_complaint_belongs_to_its_thread():
    logger = logging.getLogger("rasterio._env")

    def complain() -> None:
        logger.warning("CPLE_NotSupported in %s", "no creation option NIX")

    complaints = gdal.OptionComplaints()
    with complaints:
        other = threading.Thread(target=complain)
        other.start()
        other.join()
        assert complaints.found == []
        complain()
    complain()
    assert complaints.found == ["no creation option NIX"]
