"""What each plug-in needs: its own extra, no other, and no torch before pixels are read."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXTRAS = {
    "fsspec",
    "aiohttp",
    "s3fs",
    "xarray",
    "dask",
    "distributed",
    "zarr",
    "numcodecs",
    "rioxarray",
    "rio_tiler",
    "titiler",
}
PLUGINS = {
    "rscodec.api": set(),
    "rscodec.stream.remote": set(),
    "rscodec.cli.rio": set(),
    "rscodec.cli.batch": set(),
    "rscodec.batch.run": set(),
    "rscodec.concurrency.executors": set(),
    "rscodec.integrations.chunk_codec": set(),
    "rscodec.integrations.xarray_engine": {"xarray", "dask"},
    "rscodec.integrations.zarr_codec": {"zarr", "numcodecs"},
    "rscodec.integrations.numcodecs_codec": {"numcodecs"},
    "rscodec.integrations.rio_tiler_reader": {"rio_tiler"},
    "rscodec.viewer.site": set(),
    "rscodec.viewer.server": set(),
}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plug_in_needs_only_its_extra_and_no_torch(plugin):
    needs = PLUGINS[plugin]
    for name in needs:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    code = (
        "import importlib, sys\n"
        "sys.modules.update(dict.fromkeys(sys.argv[2:]))\n"  # None: importing it fails
        "importlib.import_module(sys.argv[1])\n"
        "assert 'torch' not in sys.modules"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, plugin, *(EXTRAS - needs)], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
