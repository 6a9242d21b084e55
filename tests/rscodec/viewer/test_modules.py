"""The modules of the page, run by Node, without a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rscodec.viewer.site import DECODER, PAGE
from tests.helpers import node

pytestmark = pytest.mark.skipif(node.version() < node.OLDEST, reason=f"no node {node.OLDEST} or newer is on PATH")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with page/ and decoder/, as they are served."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(PAGE, folder / "page")
    shutil.copytree(DECODER, folder / "decoder")
    (folder / "package.json").write_text(json.dumps({"type": "module"}))
    return folder


def run(site: Path, script: str, *args) -> str:
    """What a script beside this file prints."""
    done = node.node(Path(__file__).with_name(script), site, *args)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_values_are_those_of_the_pixel_under_the_cursor(site):
    run(site, "values.mjs")
