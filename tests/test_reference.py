"""The reference in docs/ is what the program says of itself."""

from __future__ import annotations

import pytest

from tests.helpers.tools import load

reference = load("make_reference")


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_reference_is_up_to_date(name: str):
    """If this fails, run `python tools/make_reference.py`."""
    assert (reference.REFERENCE / name).read_text(encoding="utf-8") == reference.PAGES[name]()


def test_bars_in_cells_are_escaped():
    assert reference.rows(("a", "b"), [("x|y", "two\n lines")]).splitlines()[2] == r"| x\|y | two lines |"
