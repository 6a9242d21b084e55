"""The modules of the page, run by Node, without a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rscodec.raster.quicklook import shown_bands
from rscodec.viewer.site import DECODER, PAGE
from tests.helpers import node

pytestmark = node.needed


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


def test_keys_of_the_browser_do_not_move_the_scene(site):
    run(site, "view.mjs")


def test_the_stretch_is_that_of_the_visible_pixels(site):
    run(site, "statistics.mjs")


def test_a_picture_is_drawn_for_the_screen_and_stretched_once_a_frame(site):
    run(site, "picture.mjs")


def test_what_is_said_of_two_layers_names_the_layer(site):
    run(site, "notices.mjs")


BANDS = [
    (3, "uint8", {}),
    (3, "uint16", {}),
    (1, "uint8", {}),
    (2, "uint8", {"colorinterp": ["gray", "alpha"]}),
    (2, "uint8", {"colorinterp": ["alpha", "gray"]}),
    (1, "uint8", {"colorinterp": ["alpha"]}),
    (4, "uint8", {"colorinterp": ["red", "green", "blue", "alpha"]}),
    (4, "uint8", {"colorinterp": ["alpha", "red", "green", "blue"]}),
    (4, "uint8", {"colorinterp": ["alpha", "gray", "undefined", "undefined"]}),
    (3, "uint8", {"colorinterp": ["gray", "undefined", "alpha"]}),
    (3, "uint8", {"colorinterp": ["blue", "green", "red"]}),
    (4, "uint8", {"colorinterp": ["blue", "green", "red", "red"]}),
    (5, "uint16", {"descriptions": ["B01", "B02", "B03", "B04", "B05"]}),
    (5, "uint16", {"descriptions": [None, " b02", "B03 ", "B04", None]}),
    (4, "uint16", {"descriptions": ["Blue", "GREEN", "red ", "nir"]}),
    (4, "uint16", {"descriptions": ["blue", "green", "red", "B04"]}),
    (4, "uint16", {"descriptions": ["nir", "red", "green", "swir"]}),
    (3, "uint8", {"descriptions": ["B04", "B03", "B02"], "colorinterp": ["blue", "green", "red"]}),
    (4, "uint8", {"descriptions": ["a", "b", "c", "d"], "colorinterp": ["undefined", "blue", "green", "red"]}),
]


def test_the_bands_that_are_shown_are_those_of_a_preview(site):
    """Three bands of a scene without three measured ones repeat one, and never show alpha."""
    layers = [{"bands": count, "dtype": dtype, "metadata": metadata} for count, dtype, metadata in BANDS]
    found = json.loads(run(site, "colours.mjs", json.dumps(layers)))
    for (count, dtype, metadata), (first, three) in zip(BANDS, found, strict=True):
        assert first == [band - 1 for band in shown_bands(metadata, count, dtype)], metadata
        assert len(three) == 3 and (three == first or len(first) == 1), metadata
        colours = metadata.get("colorinterp", [])
        assert "alpha" not in [colours[band] for band in three if colours] or set(colours) == {"alpha"}


def test_only_the_picture_that_was_opened_last_is_shown(site):
    run(site, "opening.mjs")


def test_a_file_that_opens_late_does_not_replace_a_later_one(site, scenes):
    run(site, "drops.mjs", scenes / "rgb.bin")
