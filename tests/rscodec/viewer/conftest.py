"""Small scenes, their streams, and a server that shows them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

import rscodec
from rscodec.synthetic.sample import synthesize
from rscodec.viewer.server import Server
from rscodec.viewer.site import Site


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rgb.tif and ten.tif (uint16, with a collar of nodata), 640 x 600, and a stream of each."""
    folder = tmp_path_factory.mktemp("scenes")
    for name, settings in {"rgb": {}, "ten": {"bands": 10, "dtype": "uint16", "nodata": 0}}.items():
        pixels, metadata = synthesize((640, 600), seed=3, **settings)
        rscodec.Scene(pixels, metadata=metadata).save(folder / f"{name}.tif")
        rscodec.encode_file(folder / f"{name}.tif", folder / f"{name}.bin", quality=5.0, threads=1)
    return folder


@pytest.fixture
def serve() -> Iterator[Callable]:
    """`serve(source, ...)`: a Server of a Site of these arguments, which answers until the test ends."""
    with ExitStack() as stack:

        def start(*args, **kwargs) -> Server:
            site = stack.enter_context(closing(Site(*args, **kwargs)))
            server = stack.enter_context(Server(site))
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(server.shutdown)
            return server

        yield start
