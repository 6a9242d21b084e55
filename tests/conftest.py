"""What every test may ask for: real imagery if there is any, a GPU if there is one, an orderly torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """`real_data("test/naip")`: that folder of RSCODEC_DATA, or a skip that says what is missing.

    A variable that points at nothing is a mistake of whoever set it, and fails.
    """

    def find(name: str) -> Path:
        data = os.environ.get("RSCODEC_DATA")
        if not data:
            pytest.skip(f"reads {name}: RSCODEC_DATA is not set")
        if not Path(data).is_dir():
            pytest.fail(f"RSCODEC_DATA is {data!r}, which is not a folder")
        folder = Path(data) / name
        if not folder.exists():
            pytest.skip(f"reads {name}: RSCODEC_DATA has none")
        return folder

    return find


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of the tiny untrained model (tests/helpers/models.py)."""
    from tests.helpers import models

    return models.write(tmp_path_factory.mktemp("weights") / "vec-1.safetensors")


@pytest.fixture(scope="session")
def tiny(tiny_weights: Path):
    """The codec of `tiny_weights`."""
    from rscodec.models.portable import portable_codec

    return portable_codec(tiny_weights)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(autouse=True)
def same_torch_threads() -> Iterator[None]:
    """A test may set torch's thread count; the next one finds it as it was."""
    if "torch" not in sys.modules:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
