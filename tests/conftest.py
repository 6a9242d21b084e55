"""What every test may ask for: real imagery if there is any, a GPU if there is one, an orderly torch."""

from __future__ import annotations

import ast
import importlib.util
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
def tiny_weights() -> Path:
    """A weights file of the tiny untrained model."""
    from tests.helpers.sizes import WEIGHTS

    return WEIGHTS


@pytest.fixture(scope="session")
def tiny(tiny_weights: Path):
    """The codec of `tiny_weights`."""
    from rscodec.models.portable import portable_codec

    return portable_codec(tiny_weights)


TORCH = ("torch", "compressai", "rscodec.networks", "rscodec.training", "tests.helpers.models")
without_torch: list[str] = []


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Where torch is not installed, files that import it at their top are left out, and named at the end."""
    if collection_path.suffix != ".py" or importlib.util.find_spec("torch"):
        return None
    imports = [
        node for node in ast.parse(collection_path.read_text()).body if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    names = [f"{getattr(node, 'module', '')}.{alias.name}".lstrip(".") for node in imports for alias in node.names]
    if not any(f"{name}.".startswith(f"{torch}.") for name in names for torch in TORCH):
        return None
    without_torch.append(collection_path.name)
    return True


def pytest_terminal_summary(terminalreporter) -> None:
    if without_torch:
        terminalreporter.write_line(
            f"torch is not installed, so these were left out: {', '.join(sorted(without_torch))}"
        )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        torch = pytest.importorskip("torch")
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
