"""What is there in C, compiled from the source as it is now, and in Python: the range coder, and layers."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from rscodec.codec import numpy_arrays, rans


@pytest.fixture(scope="session")
def range_coder_in_c(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return compiled("_rans", tmp_path_factory)


@pytest.fixture(scope="session")
def layers_in_c(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return compiled("_layers", tmp_path_factory)


def compiled(name: str, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """An extension. One that lies beside the source may be older than it."""
    source = Path(rans.__file__).with_name(f"{name}.c")
    linker = shlex.split(sysconfig.get_config_var("LDSHARED") or "")
    include = Path(sysconfig.get_path("include"))
    if not linker or not shutil.which(linker[0]) or not (include / "Python.h").exists():
        pytest.skip("needs a C compiler and Python's headers")
    target = tmp_path_factory.mktemp("extension") / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    strict = ["-std=c11", "-O2", "-fPIC", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    subprocess.run([*linker, *strict, "-isystem", str(include), str(source), "-o", str(target)], check=True)
    spec = importlib.util.spec_from_file_location(name, target)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["C", "Python"])
def range_coder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test runs with each of the two."""
    module = request.getfixturevalue("range_coder_in_c") if request.param == "C" else None
    monkeypatch.setattr(rans, "_rans", module)
    return request.param


@pytest.fixture(params=["C", "Python"])
def layers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same with the loops of layers."""
    module = request.getfixturevalue("layers_in_c") if request.param == "C" else None
    monkeypatch.setattr(numpy_arrays, "_layers", module)
    return request.param
