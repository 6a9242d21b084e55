"""The examples in the docstrings of the public names run, and show what they say."""

from __future__ import annotations

import doctest
import sys

import pytest

import rscodec

PUBLIC = {name: getattr(rscodec, name) for name in rscodec.__all__ if name != "__version__"}
MODULES = [rscodec, *(sys.modules[module] for module in sorted({public.__module__ for public in PUBLIC.values()}))]
FOUND = [test for module in MODULES for test in doctest.DocTestFinder().find(module, globs={}) if test.examples]


@pytest.mark.parametrize("example", FOUND, ids=lambda example: example.name)
def test_example(example: doctest.DocTest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    failed, _ = doctest.DocTestRunner().run(example, out=said.append)
    assert not failed, "".join(said)


def test_every_public_name_has_an_example():
    assert {f"{public.__module__}.{public.__qualname__}" for public in PUBLIC.values()} <= {test.name for test in FOUND}
